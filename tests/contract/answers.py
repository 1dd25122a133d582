"""Batches and training answers for tests that care about some of their fields only."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from knowtrace.domain import PADDING, UNKNOWN_TIME
from knowtrace.models import Answer, Asked, Batch, Sizes, TrainingAnswers
from knowtrace.training.sequences import NUM_GROUPS


def batch_of(items: Tensor, skills: Tensor, responses: Tensor, valid: Tensor | None = None) -> Batch:
    """Return a batch of students in no group, whose times nobody recorded."""
    unknown = torch.full(items.shape, UNKNOWN_TIME, device=items.device)
    real = torch.ones_like(items, dtype=torch.bool) if valid is None else valid
    return Batch(
        items=items,
        skills=skills,
        responses=responses,
        valid=real,
        targets=real,
        lags=unknown,
        elapsed=unknown,
        groups=torch.zeros(len(items), dtype=torch.long, device=items.device),
    )


def answers_of(counts: Tensor, batches: Sequence[Batch] = ()) -> TrainingAnswers:
    """Return training answers with these counts (num_items, K), and those of the batches by group."""
    by_group = torch.zeros(1 + NUM_GROUPS, *counts.shape)
    by_group[0] = counts
    for batch in batches:
        groups = batch.groups.unsqueeze(1).expand_as(batch.items)
        where = (groups, batch.items, batch.responses)
        by_group.index_put_(where, torch.ones(batch.items.shape), accumulate=True)
    return TrainingAnswers(
        counts=by_group,
        item_skills=torch.arange(len(counts)).remainder(4).unsqueeze(1) + 1,
        item_positions=torch.arange(len(counts)).float(),
        batches=lambda: batches,
    )


def learnable_batch(sizes: Sizes, *, num_students: int = 60, num_steps: int = 25, seed: int = 0) -> Batch:
    """Return answers that depend on the item and on the answer before, of students in all groups."""
    rng = torch.Generator().manual_seed(seed)
    shape = (num_students, num_steps)
    items = torch.randint(2, sizes.num_items, shape, generator=rng)
    skills = torch.randint(2, sizes.num_skills, (*shape, 1), generator=rng)
    chance = torch.rand(shape, generator=rng)
    responses = torch.zeros(shape, dtype=torch.long)
    top = sizes.num_categories - 1
    for t in range(num_steps):
        before = responses[:, t - 1] / top if t else torch.full((num_students,), 0.5)
        share = 0.2 + 0.3 * before + 0.3 * items[:, t] / sizes.num_items
        responses[:, t] = (chance[:, t] < share) * top - (chance[:, t] < share - 0.4).long() * (top > 1)
    batch = batch_of(items, skills, responses)
    return replace(batch, groups=torch.arange(num_students) % NUM_GROUPS + 1)


def one_asked(item: int, *skills: int) -> Asked:
    """Return one item asked of one student, its skills padded to two."""
    row = [*skills, *[PADDING] * (2 - len(skills))]
    return Asked(torch.tensor([[item]]), torch.tensor([[row]]), torch.tensor([UNKNOWN_TIME]))


def one_answer(item: int, skills: tuple[int, ...], response: int) -> Answer:
    """Return one answer of one student, its skills padded to two."""
    row = [*skills, *[PADDING] * (2 - len(skills))]
    unknown = torch.tensor([UNKNOWN_TIME])
    return Answer(torch.tensor([item]), torch.tensor([row]), torch.tensor([response]), unknown, unknown)


def answers_in(batch: Batch, sizes: Sizes) -> TrainingAnswers:
    """Return one batch as all the training answers there are; an item's skills are those of its last answer."""
    width = batch.skills.shape[-1]
    counts = torch.zeros(sizes.num_items, sizes.num_categories)
    item_skills = torch.zeros(sizes.num_items, width, dtype=torch.long)
    items, skills, responses = (x[batch.valid] for x in (batch.items, batch.skills, batch.responses))
    counts.index_put_((items, responses), torch.ones(len(items)), accumulate=True)
    item_skills[items] = skills
    return TrainingAnswers(
        counts=torch.cat([counts.unsqueeze(0), torch.zeros(1, *counts.shape)]),
        item_skills=item_skills,
        item_positions=torch.arange(sizes.num_items).float(),
        batches=lambda: [batch],
    )
