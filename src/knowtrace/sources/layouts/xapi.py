"""xAPI: `statements.jsonl`, one statement a line. Ids are drawn from the answer's place, so bytes repeat."""

import json
import uuid
from pathlib import Path

from knowtrace.sources.dataset import Dataset
from knowtrace.sources.layouts.rows import timed
from knowtrace.standards.xapi import ACTIVITY_TYPES, ANSWERED, OBJECTIVE

HOME = "https://knowtrace.invalid"


def write_xapi(dataset: Dataset, folder: Path) -> None:
    """Write the statements: success of binary answers, scaled scores of graded ones."""
    top = dataset.num_categories - 1
    with (folder / "statements.jsonl").open("w", encoding="utf-8", newline="\n") as stream:
        for place, (answer, time) in enumerate(timed(dataset)):
            result: dict[str, object] = {"success": answer.response == 1}
            if top > 1:
                result = {"score": {"scaled": answer.response / top}}
            if answer.elapsed_seconds is not None:
                result["duration"] = f"PT{answer.elapsed_seconds:.3f}S"
            objectives = [
                {
                    "id": skill,
                    "definition": {
                        "type": OBJECTIVE,
                        "name": {"en": dataset.skill_names.get(skill, skill)},
                    },
                }
                for skill in answer.skill_ids
            ]
            context: dict[str, object] = {"contextActivities": {"category": objectives}}
            if answer.session_id is not None:
                context["registration"] = answer.session_id
            statement = {
                "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{HOME}/{dataset.name}/{place}")),
                "actor": {
                    "objectType": "Agent",
                    "account": {"homePage": HOME, "name": answer.student_id},
                },
                "verb": {"id": ANSWERED, "display": {"en": "answered"}},
                "object": {
                    "objectType": "Activity",
                    "id": answer.item_id,
                    "definition": {"type": f"{ACTIVITY_TYPES}cmi.interaction"},
                },
                "result": result,
                "context": context,
                "timestamp": time.isoformat(),
                "version": "1.0.3",
            }
            stream.write(json.dumps(statement, ensure_ascii=False) + "\n")
