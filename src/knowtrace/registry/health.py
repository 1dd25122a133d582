"""Whether the step graphs of a run give what they must, whatever they are asked: the check before any run is sealed."""

import numpy as np
from numpy.typing import NDArray

from knowtrace.domain import UNKNOWN_TIME, Vocabulary
from knowtrace.registry.step_calls import Steps

ANSWERS = 200
ASKED = 8
TOLERANCE = 1e-4


def ailments(
    steps: Steps,
    initial_state: NDArray[np.float32],
    vocabulary: Vocabulary,
    *,
    seed: int = 0,
    answers: int = ANSWERS,
) -> list[str]:
    """Return what is wrong with a run's graphs, one sentence each; none when it is healthy.

    A student answers so many times at random, unseen items and unknown times among them. Probabilities must be finite,
    within [0, 1] and sum to 1; states must be finite and keep their size.
    """
    rng = np.random.default_rng(seed)
    width = vocabulary.skills_per_item
    found: dict[str, None] = {}
    state = initial_state
    for number in range(answers):
        items = rng.integers(1, vocabulary.num_item_indices, ASKED)
        skills = np.zeros((ASKED, width), dtype=np.int64)
        skills[:, 0] = rng.integers(0, vocabulary.num_skill_indices, ASKED)
        lag = UNKNOWN_TIME if rng.random() < 0.3 else float(np.exp(rng.uniform(0, 17)))
        probabilities = steps.predict(state, items, skills, lag=lag)
        found |= dict.fromkeys(_of_probabilities(probabilities, vocabulary.num_categories, number))
        state = steps.observe(
            state,
            int(items[0]),
            skills[0].tolist(),
            int(rng.integers(vocabulary.num_categories)),
            lag=lag,
            elapsed=float(rng.uniform(-1, 600)),
        )
        if state.shape != initial_state.shape:
            found[
                f"After {number + 1} answers the state has shape {state.shape}, not {initial_state.shape}."
            ] = None
            break
        if not np.isfinite(state).all():
            found[f"After {number + 1} answers the state holds numbers that are not finite."] = None
            break
    return list(found)


def _of_probabilities(probabilities: NDArray[np.float32], num_categories: int, number: int) -> list[str]:
    after = f"After {number} answers"
    if probabilities.shape != (ASKED, num_categories):
        return [f"{after} probabilities have shape {probabilities.shape}, not {(ASKED, num_categories)}."]
    if not np.isfinite(probabilities).all():
        return [f"{after} a probability is not a finite number."]
    if probabilities.min() < 0 or probabilities.max() > 1:
        return [f"{after} probabilities reach from {probabilities.min():g} to {probabilities.max():g}."]
    worst = float(np.abs(probabilities.sum(1) - 1).max())
    return [f"{after} probabilities of one item sum to 1 +- {worst:g}."] if worst > TOLERANCE else []
