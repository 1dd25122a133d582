"""Blocks that more than one model is built from, each here once."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from knowtrace.domain import PADDING, UNSEEN
from knowtrace.models.contract import Batch, ResponseModel, TrainingAnswers
from knowtrace.models.item_content import ContentShift, content_shift, shifted

PRIOR_ANSWERS = (1e-3, 1e6)
"""The range of every `prior_answers`: with none at all, an item never answered would have no threshold."""


def shift_right(x: Tensor) -> Tensor:
    """Return x (B, T, ...) delayed by one step: position t holds what was known before t (ADR-0001)."""
    first = torch.zeros_like(x[:, :1])
    return torch.cat([first, x[:, :-1]], dim=1)


def category_logits(score: Tensor, thresholds: Tensor) -> Tensor:
    """Return the category logits (..., K) of the partial credit model (Muraki, 1992).

    score (...) is how far the student stands above the item's zero, thresholds (..., K-1) the steps between
    neighbouring categories, both in logits. With K = 2 this is the logistic model: logits 0 and score - threshold.
    """
    return logits_of_steps(score.unsqueeze(-1) - thresholds)


def logits_of_steps(steps: Tensor) -> Tensor:
    """Return the category logits (..., K) of how far the student stands above each threshold, steps (..., K-1)."""
    num_steps = steps.shape[-1]
    return F.pad(steps if num_steps == 1 else steps.cumsum(-1), (1, 0))


def expected_score(probabilities: Tensor) -> Tensor:
    """Return the expected category as a share of full credit: (..., K) -> (...) in [0, 1]."""
    num_categories = probabilities.shape[-1]
    credit = torch.linspace(0, 1, num_categories, dtype=probabilities.dtype, device=probabilities.device)
    return (probabilities * credit).sum(-1)


def response_credit(responses: Tensor, num_categories: int) -> Tensor:
    """Return responses 0..K-1 as shares of full credit, as floats in [0, 1]."""
    return responses.to(torch.get_default_dtype()) / (num_categories - 1)


def mean_over_skills(values: Tensor, skills: Tensor) -> Tensor:
    """Return the mean of values (..., S) over the skills (..., S) that are not padding; zero where none is."""
    present = skills.gt(PADDING).to(values.dtype)
    return (values * present).sum(-1) / present.sum(-1).clamp(min=1)


def mean_skill_vector(table: Tensor, skills: Tensor) -> Tensor:
    """Return the mean vector (..., H) of skills (..., S) from a table (num_skills, H) whose padding row is zero.

    The padding row gets no gradient, so it stays zero. But for a single item, as a live answer is, one look-up per
    skill column: the (..., S, H) block that a single look-up makes costs more than it saves.
    """
    if skills.shape[:-1] == (1,):
        total = F.embedding(skills, table, padding_idx=PADDING).sum(-2)
    else:
        columns = [F.embedding(column, table, padding_idx=PADDING) for column in skills.split(1, dim=-1)]
        total = sum(columns[1:], start=columns[0]).squeeze(-2)
    return total / skills.gt(PADDING).to(table.dtype).sum(-1, keepdim=True).clamp(min=1)


def slots_of(skills: Tensor, *, num_skills: int, num_slots: int) -> Tensor:
    """Return the slot in [0, num_slots) of each skill (..., S): skills share slots where they are too many.

    A skill whose slot an earlier skill of its row has is PADDING.
    """
    if num_skills > num_slots:
        skills = torch.where(skills.eq(PADDING), PADDING, 1 + (skills - 1) % (num_slots - 1))
    return without_repeats(skills)


def without_repeats(skills: Tensor) -> Tensor:
    """Return skills (..., S) with PADDING for each that stands earlier in its row."""
    num_columns = skills.shape[-1]
    if num_columns == 1:
        return skills
    same = skills.unsqueeze(-1).eq(skills.unsqueeze(-2))  # (..., S, S)
    earlier = torch.ones(num_columns, num_columns, dtype=torch.bool, device=skills.device).tril(-1)
    return torch.where((same & earlier).any(-1), PADDING, skills)


class ItemTable(nn.Embedding):
    """A vector per item, padding zero; an item that training students never answered has that of UNSEEN.

    Items are many and each is rarely answered, so training shrinks these tables harder than other weights.
    """

    rows: Tensor
    """(num_items,): which row of the table an item uses."""

    def __init__(self, num_items: int, width: int, *, std: float = 0.0) -> None:
        super().__init__(num_items, width, padding_idx=PADDING)
        self.register_buffer("rows", torch.arange(num_items))
        nn.init.normal_(self.weight, std=std)
        with torch.no_grad():
            self.weight[PADDING] = 0

    def share_unanswered(self, num_answers: Tensor) -> None:
        """Let items with no training answers, (num_items,), use the row of UNSEEN."""
        own = num_answers.gt(0)
        own[PADDING] = True
        self.rows.copy_(torch.where(own, torch.arange(len(own), device=own.device), UNSEEN))

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(self.rows[input])

    def of_all(self) -> Tensor:
        """Return the vectors (num_items, width) of all items in index order."""
        return self.weight[self.rows]


class ItemThresholds(nn.Module):
    """The thresholds (..., K-1) of items, in logits: they start at the items' training means and are learnt on, apart
    from what the items' content says."""

    def __init__(self, num_items: int, num_categories: int) -> None:
        super().__init__()
        self.table = ItemTable(num_items, num_categories - 1)
        self.content = ContentShift()

    def start_from(self, answers: TrainingAnswers, *, prior_answers: float) -> None:
        start, shift = starting_thresholds(answers, prior_answers=prior_answers)
        self.content.keep(shift)
        with torch.no_grad():
            self.table.weight[PADDING + 1 :] = start[PADDING + 1 :]

    def forward(self, items: Tensor) -> Tensor:
        return self.content(items, self.table(items))

    def of_all(self) -> Tensor:
        """Return the thresholds (num_items, K-1) of all items in index order."""
        return self(torch.arange(self.table.num_embeddings, device=self.table.weight.device))


def starting_thresholds(answers: TrainingAnswers, *, prior_answers: float) -> tuple[Tensor, Tensor | None]:
    """Return the thresholds that training answers give items apart from what content says, (num_items, K-1), and what
    it says, (num_items, 1).

    An item's answers are shrunk towards what its content leads to expect, which weighs `prior_answers` answers.
    """
    counts = answers.counts[0]
    shift = content_shift(answers, counts, overall_shares(counts))
    thresholds = thresholds_from_counts(counts, prior_answers=prior_answers, shift=shift)
    return thresholds if shift is None else thresholds - shift, shift


def thresholds_from_counts(
    category_counts: Tensor, *, prior_answers: float, shift: Tensor | None = None
) -> Tensor:
    """Return the thresholds (num_items, K-1) at which a student of score 0 answers as training students did.

    Counts (num_items, K) are shrunk towards the shares of all answers, which weigh `prior_answers` answers;
    an item without answers gets the threshold of the average answer. `shift` (num_items, 1) moves what each item is
    shrunk towards.
    """
    counts = category_counts.to(torch.get_default_dtype())
    shares = counts + prior_answers * shifted(overall_shares(counts), shift)
    return (shares[:, :-1] / shares[:, 1:]).log()


def overall_shares(counts: Tensor) -> Tensor:
    """Return the share of each category (K,) in all answers (num_items, K), none of them zero."""
    counts = counts.to(torch.get_default_dtype())
    return (counts.sum(0) + 1) / (counts.sum() + counts.shape[-1])


def share_unanswered(model: ResponseModel, counts: Tensor) -> None:
    """Let every item table of a model use UNSEEN's row for items that counts (num_items, K) never saw answered."""
    for module in model.modules():
        if isinstance(module, ItemTable):
            module.share_unanswered(counts.sum(-1))


class Dropout(nn.Module):
    """Dropout whose mask is cheap to draw: four elements share 64 random bits, so shares are multiples of 2**-16.

    On the processor `nn.Dropout` draws a mask element by element, which took over a quarter of training.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.dropped = round(probability * 2**16)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.dropped:
            return x
        if self.dropped == 2**16:
            return x * 0
        draws = torch.empty((x.numel() + 3) // 4, dtype=torch.int64, device=x.device)
        # Without bounds `random_` never sets the sign bit.
        draws.random_(-(2**63), None)
        keep = draws.view(torch.int16)[: x.numel()].view(x.shape) >= self.dropped - 2**15
        return x * (keep.to(x.dtype) / (1 - self.dropped / 2**16))


def distinct(*columns: Tensor) -> tuple[Tensor, Tensor]:
    """Return a place of each distinct row of columns (N,), (M,), and which of those M each row is, (N,).

    Columns hold integers from 0 on.
    """
    which = torch.zeros_like(columns[0])
    for column in columns:
        # Ranks stay below N, so that this cannot overflow as one product over all columns could.
        _, which = torch.unique(which * (column.max() + 1) + column, return_inverse=True)
    places = torch.arange(len(which), device=which.device)
    return places.new_zeros(int(which.max()) + 1).index_copy(0, which, places), which


def hide_items(items: Tensor, probability: float) -> Tensor:
    """Return items with a random share replaced by UNSEEN, so that the unseen item's row is learnt too."""
    hidden = torch.rand(items.shape, device=items.device) < probability
    return torch.where(hidden & items.ne(PADDING), UNSEEN, items)


def scan(model: ResponseModel, batch: Batch) -> Tensor:
    """Return probabilities (B, T, K) by filtering step by step: what `forward` must agree with."""
    state = model.initial_state(batch.items.shape[0])
    steps: list[Tensor] = []
    for t in range(batch.items.shape[1]):
        steps.append(model.predict(state, batch.asked_at(t)))
        state = model.observe(state, batch.answer_at(t))
    return torch.cat(steps, dim=1)
