"""First figures of the counter, PFA, DAS3H, Best-LR with windows and Elo with uncertainty, by hand."""

import math
from dataclasses import replace

import pytest
import torch
from contract.answers import answers_of, one_answer, one_asked

from knowtrace.models import Answer, Asked, ResponseModel, Sizes, build_model
from knowtrace.models.best_lr_plus import NUM_PATTERNS, _pattern
from knowtrace.models.running_sums import OVERALL_DECAYS, RECENT, Past

SIZES = Sizes(num_items=4, num_skills=5, num_categories=2)
DAY = 86_400.0


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def answered(model: ResponseModel, *responses: int, skills: tuple[int, ...] = (3,)) -> torch.Tensor:
    state = model.initial_state()
    with torch.no_grad():
        for response in responses:
            state = model.observe(state, one_answer(2, skills, response))
    return state


def after(answer: Answer, seconds: float) -> Answer:
    return replace(answer, lags=torch.tensor([seconds]))


@pytest.mark.parametrize(
    ("responses", "mastery"),
    [((1,), 0.08), ((0,), 0.0), ((1, 1, 0), 0.12), ((0, 0, 1), 0.08), ((1,) * 20, 1.0)],
)
def test_the_counter_adds_8_and_takes_4_hundredths_within_0_and_1(
    responses: tuple[int, ...], mastery: float
) -> None:
    """The rule of the field's simple tutor: correct +0.08, wrong -0.04, clamped to [0, 1]."""
    state = answered(build_model("counter", SIZES), *responses)
    assert state[0, 3].item() == pytest.approx(mastery, abs=1e-6)
    assert state[0, [1, 2, 4]].tolist() == [0, 0, 0]


def test_a_higher_counter_never_lowers_the_prediction() -> None:
    model = build_model("counter", SIZES)
    with torch.no_grad():
        model.get_parameter("log_slope").fill_(-3.0)
        few, many = (model.predict(answered(model, *[1] * n), one_asked(2, 3))[0, 0, 1] for n in (1, 9))
    assert many > few


@pytest.mark.parametrize("log_counts", [True, False])
def test_pfa_sums_weighted_counts_over_skills(log_counts: bool) -> None:
    """Pavlik, Cen and Koedinger (2009), equation 2: skill 3 right twice and wrong once, skill 2 never met."""
    model = build_model("pfa", SIZES, {"log_counts": log_counts})
    with torch.no_grad():
        model.get_parameter("skill.weight")[3] = torch.tensor([0.2, -0.1, 0.5])
        model.get_parameter("skill.weight")[2] = torch.tensor([9.0, 9.0, -0.3])
        p = model.predict(answered(model, 1, 1, 0), one_asked(2, 3, 2))[0, 0, 1].item()
    right, wrong = (math.log(3), math.log(2)) if log_counts else (0.2, 0.1)
    assert p == pytest.approx(sigmoid(0.5 * right - 0.4 * wrong + 0.5 - 0.3), abs=1e-6)


def test_das3h_forgets_within_a_day_what_it_keeps_for_ever() -> None:
    """One right answer, asked again after a day: the window of a day holds 1 / e, the last one 1."""
    model = build_model("das3h", SIZES)
    with torch.no_grad():
        for name in ("overall", "shared"):
            model.get_parameter(name).zero_()
        model.get_parameter("shared")[2] = 1.0  # credit within a day
        model.get_parameter("shared")[8] = 0.5  # credit for ever
        state = answered(model, 1)
        asked = one_asked(2, 3)
        tomorrow = model.predict(state, Asked(asked.items, asked.skills, torch.tensor([DAY])))
        unknown = model.predict(state, asked)
    later = math.log(1 + math.exp(-1)) + 0.5 * math.log(2)
    assert tomorrow[0, 0, 1].item() == pytest.approx(sigmoid(later), abs=1e-6)
    assert unknown[0, 0, 1].item() == pytest.approx(sigmoid(1.5 * math.log(2)), abs=1e-6)


def test_elo_moves_most_where_it_knows_least() -> None:
    """Kalman step by hand for a new student: p = 1/2, information 1/4, variances 0.6 and 0.8 add up."""
    model = build_model("elo-uncertainty", SIZES, {"growth": 1e-9})
    state = answered(model, 1)
    gain = 1 / (1 + 0.25 * 1.4)
    assert state[0, 0].item() == pytest.approx(0.6 * 0.5 * gain, abs=1e-5)
    assert state[0, 2 + 3].item() == pytest.approx(0.8 * 0.5 * gain, abs=1e-5)
    # Variance left: v - v^2 * information * gain, kept as the share lost.
    assert state[0, 1].item() == pytest.approx(0.6 * 0.25 * gain, abs=1e-5)
    assert state[0, 2 + 5 + 3].item() == pytest.approx(0.8 * 0.25 * gain, abs=1e-5)


def test_elo_grows_unsure_with_every_day_but_no_more_than_at_first() -> None:
    model = build_model("elo-uncertainty", SIZES, {"day_growth": 0.01})
    state = answered(model, 1, 1, 0)
    with torch.no_grad():
        lost = [
            model.observe(state, after(one_answer(2, (2,), 1), days * DAY))[0, 2 + 5 + 3].item()
            for days in (0, 3, 300)
        ]
    assert lost[0] > lost[1] > lost[2] == 0


def test_an_unsure_elo_predicts_nearer_to_the_middle() -> None:
    model = build_model("elo-uncertainty", SIZES)
    with torch.no_grad():
        model.get_parameter("thresholds.table.weight")[2] = -2.0
        p = model.predict(model.initial_state(), one_asked(2, 3))[0, 0, 1].item()
    assert p == pytest.approx(sigmoid(2 / math.sqrt(1 + math.pi / 8 * 1.4)), abs=1e-6)


def test_the_pattern_of_the_last_answers_has_a_number_of_its_own() -> None:
    found = set()
    for length in range(6):
        for bits in range(2**length):
            surprises, overall = torch.zeros(RECENT), torch.zeros(len(OVERALL_DECAYS))
            overall[3] = length
            for n in range(length):
                surprises[-1 - n] = 0.3 if bits >> n & 1 else -0.3
            nothing = torch.zeros(0)
            found.add(int(_pattern(Past(overall, nothing, nothing, surprises))))
    assert found == set(range(1, NUM_PATTERNS))


def test_best_lr_plus_starts_at_the_item_statistics() -> None:
    counts = torch.tensor([[0.0, 0], [0, 0], [60, 20], [10, 30]])
    model = build_model("best-lr-plus", SIZES)
    model.start_from(answers_of(counts))
    with torch.no_grad():
        hard, easy = (model.predict(model.initial_state(), one_asked(i, 3))[0, 0, 1].item() for i in (2, 3))
    assert hard == pytest.approx(0.25, abs=0.05)
    assert easy == pytest.approx(0.75, abs=0.08)


def test_windows_by_the_clock_forget_within_a_day() -> None:
    """One right answer, asked again after a day: the window of a day holds 1 / e, that of an hour next to nothing."""
    model = build_model("best-lr-plus", SIZES, {"windows": True})
    plain = build_model("best-lr-plus", SIZES)
    with torch.no_grad():
        model.get_parameter("windows.overall_weights")[0] = 5.0  # credit within an hour
        model.get_parameter("windows.skill_weights")[2] = 1.0  # credit within a day
        asked = replace(one_asked(2, 3), lags=torch.tensor([DAY]))
        with_windows, without = (m.predict(answered(m, 1), asked)[0, 0, 1].logit() for m in (model, plain))
    assert (with_windows - without).item() == pytest.approx(math.log(1 + math.exp(-1)), abs=1e-5)


def test_windows_by_the_clock_leave_the_state_within_8_kib() -> None:
    many = Sizes(num_items=5, num_skills=10_000, num_categories=2)
    assert build_model("best-lr-plus", many, {"windows": True}).initial_state().shape[1] * 4 <= 8_192
