"""Batches and training answers for tests that care about some of their fields only."""

import torch
from torch import Tensor

from knowtrace.domain import PADDING, UNKNOWN_TIME
from knowtrace.models import Answer, Asked, Batch, Sizes, TrainingAnswers


def batch_of(items: Tensor, skills: Tensor, responses: Tensor, valid: Tensor | None = None) -> Batch:
    """Return a batch of students in no group, whose times nobody recorded."""
    unknown = torch.full(items.shape, UNKNOWN_TIME, device=items.device)
    return Batch(
        items=items,
        skills=skills,
        responses=responses,
        valid=torch.ones_like(items, dtype=torch.bool) if valid is None else valid,
        lags=unknown,
        elapsed=unknown,
        groups=torch.zeros(len(items), dtype=torch.long, device=items.device),
    )


def answers_of(counts: Tensor) -> TrainingAnswers:
    """Return training answers with these counts (num_items, K), which no group shares."""
    return TrainingAnswers(
        counts=torch.cat([counts.unsqueeze(0), torch.zeros(1, *counts.shape)]),
        item_skills=torch.arange(len(counts)).remainder(4).unsqueeze(1) + 1,
        item_positions=torch.arange(len(counts)).float(),
        batches=lambda: [],
    )


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
