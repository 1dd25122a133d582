"""Sums per skill, for all steps at once, against a loop over answers."""

import math

import torch
from contract.answers import batch_of

from knowtrace.domain import PADDING, UNSEEN
from knowtrace.models.contract import Batch
from knowtrace.models.skill_sums import MOST_FLOATS, SkillSums, at_least_one

DAY = 86_400.0


def test_sums_before_each_step_equal_a_loop_with_fading() -> None:
    rng = torch.Generator().manual_seed(1)
    skills = torch.randint(0, 5, (3, 12, 2), generator=rng)
    lags = torch.rand(3, 12, generator=rng) * 5 * DAY
    items = torch.ones(3, 12, dtype=torch.long)
    plain = batch_of(items, skills, items)
    batch = Batch(**{**plain.__dict__, "lags": lags})
    sums = SkillSums(5, 2)
    values = torch.rand(3, 12, 2, generator=rng)
    slots, rates = sums.slots_of(skills), torch.tensor([0.3, 0.0])
    found = sums.before(batch, slots, values, rates)
    for student in range(3):
        kept = torch.zeros(5, 2)
        for t in range(12):
            kept = kept * torch.exp(-rates * lags[student, t] / DAY)
            for column, slot in enumerate(slots[student, t].tolist()):
                if slot != PADDING:
                    torch.testing.assert_close(found[student, t, column], kept[slot], atol=1e-5, rtol=0)
            for slot in set(slots[student, t].tolist()) - {PADDING}:
                kept[slot] += values[student, t]


def test_a_count_of_yesterday_weighs_one_over_e_in_a_window_of_a_day() -> None:
    ones = torch.ones(1, 2, dtype=torch.long)
    plain = batch_of(ones, ones.unsqueeze(-1) * 2, ones)
    batch = Batch(**{**plain.__dict__, "lags": torch.tensor([[0.0, DAY]])})
    sums = SkillSums(4, 1)
    found = sums.before(batch, batch.skills, torch.ones(1, 2, 1), torch.tensor([1.0]))
    assert found[0, :, 0, 0].tolist() == [0.0, torch.tensor(math.exp(-1)).item()]


def test_an_item_without_skills_counts_as_one_of_the_unseen_skill() -> None:
    skills = torch.tensor([[PADDING, PADDING], [3, PADDING]])
    assert at_least_one(skills).tolist() == [[UNSEEN, PADDING], [3, PADDING]]


def test_too_many_skills_share_slots_and_none_falls_on_padding() -> None:
    sums = SkillSums(10_000, 2)
    assert sums.size <= MOST_FLOATS
    slots = sums.slots_of(torch.arange(1, 10_000).unsqueeze(1))
    assert int(slots.min()) == 1
    assert int(slots.max()) < sums.num_slots
