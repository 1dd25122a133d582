"""How the page's numbers are made, in the words of the rules that run."""

from dataclasses import dataclass

from knowtrace.deciding import Rules
from knowtrace.registry import Run
from knowtrace.registry.panels import CALIBRATED_FROM, PANEL_SIZE
from knowtrace.service.classroom import Classroom


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """What a page says about the model and the choice of items, besides what its view holds."""

    model_name: str
    model_version: str
    data_name: str
    num_training_answers: int
    rules: Rules
    calibrated_from: int = CALIBRATED_FROM
    panel_size: int = PANEL_SIZE


def method_of(classroom: Classroom) -> Method:
    # What stands in for a run counts the answers of the champion's training.
    run = classroom.run if isinstance(classroom.run, Run) else classroom.lineup.champion.run
    assert isinstance(run, Run), "the champion was trained"
    data = run.config["data"]
    return Method(
        model_name=classroom.tracer.name,
        model_version=classroom.tracer.version,
        data_name=data["name"],
        num_training_answers=data["num_interactions"],
        rules=classroom.rules,
    )
