"""Live quality is measured on answers that the model had not heard of."""

import math
from pathlib import Path

import numpy as np
import pytest

from knowtrace.sources import Dataset
from knowtrace.store import Store
from knowtrace.tracing import Tracer
from knowtrace.tracing.answers import Answer
from knowtrace.tracing.intake import Intake
from knowtrace.tracing.quality import FEWEST, LiveQuality
from tests.tracing.test_intake import SCHOOL


async def test_figures_are_those_of_predictions_made_before_the_answers(
    tmp_path: Path, tracer: Tracer, small_dataset: Dataset
) -> None:
    """Compared with predictions worked out one by one; an oracle that peeks would have AUC 1."""
    histories = list(small_dataset.students.values())[:8]
    quality = LiveQuality(1.0)
    async with Store(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}") as store:
        await store.migrate()
        async with Intake(store, tracer, quality=quality) as intake:
            for history in histories:
                await intake.submit(
                    SCHOOL,
                    [
                        Answer(
                            event_id=f"{answer.student_id}-{number}",
                            student_id=answer.student_id,
                            item_id=answer.item_id,
                            answered_at=answer.answered_at,
                            response=answer.response,
                        )
                        for number, answer in enumerate(history)
                        if answer.answered_at is not None
                    ],
                )
    pairs: list[tuple[float, int]] = []
    for history in histories:
        state = tracer.start()
        for answer in history:
            [success] = tracer.expected_success(state, [(answer.item_id, ())]).tolist()
            pairs.append((success, answer.response))
            state = tracer.observe(state, answer)
    said, came = np.array([p for p, _ in pairs]), np.array([r for _, r in pairs])
    higher = said[came == 1][:, None] - said[came == 0][None, :]
    assert quality.num_scored == len(pairs)
    assert quality.auc() == pytest.approx(float((higher > 0).mean() + (higher == 0).mean() / 2), abs=1e-6)
    assert 0.5 < quality.auc() < 1
    assert 0 <= quality.calibration_error() < 0.5


def test_few_answers_give_no_figure_and_a_share_is_a_share(tracer: Tracer, small_dataset: Dataset) -> None:
    none, tenth = LiveQuality(0.0), LiveQuality(0.1)
    answers = [answer for history in small_dataset.students.values() for answer in history]
    for number, answer in enumerate(answers[:4_000]):
        if number < FEWEST - 1:
            none.foresee(tracer, tracer.start(), answer)
        state = tracer.start()
        object.__setattr__(state, "num_answers", number)
        tenth.foresee(tracer, state, answer)
    assert none.num_scored == 0
    assert math.isnan(none.auc())
    assert abs(tenth.num_scored - 400) < 4 * math.sqrt(4_000 * 0.1 * 0.9)
