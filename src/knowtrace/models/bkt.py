"""Bayesian knowledge tracing: a skill is known or not, and every answer is evidence (Corbett and Anderson, 1995).

Per skill the probabilities to know it at first, to learn it with an answer, to guess right and to slip; fitted by
Baum-Welch on training answers (`baum_welch.py`), not by gradient.

Unusual here:
- guess and slip stay at or below 1/2, and skills with few answers are drawn to the parameters of all, so a right
  answer never lowers mastery; with `forgetting` it is not forgotten below where it stood before the answer
- an answer to an item of several skills is evidence for each; of the asked item the mean of their predictions is taken
- a graded answer of credit c is evidence as c right answers and 1 - c wrong ones are
- `individual_priors`: the prior's logit grows with the student's standing, the mean of credit minus the skills' mean
  credit over earlier answers, shrunk by 5 answers (after Pardos and Heffernan, UMAP 2010, prior per student)
- `item_effects`: an item easier than its skills moves the logits of guess and of not slipping (after KT-IDEM, Pardos
  and Heffernan, UMAP 2011); by default items differ by their skills alone
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from knowtrace.domain import PADDING
from knowtrace.models import baum_welch
from knowtrace.models.contract import Answer, Asked, Batch, ResponseModel, Sizes, TrainingAnswers
from knowtrace.models.item_content import content_shift, shifted
from knowtrace.models.layers import mean_over_skills, response_credit, scan, shift_right
from knowtrace.models.ranges import check_ranges
from knowtrace.models.skill_sums import SkillSums, is_touched

STANDING_PRIOR = 5.0
ITEM_PRIOR = 5.0
"""Answers that the mean weighs against a student's and an item's own."""

SMALLEST = 1e-6


@dataclass(frozen=True, kw_only=True)
class BKTConfig:
    """The classic model is `forgetting` and `individual_priors` False; `prior_answers` draw a skill's parameters to
    those of all skills; `rounds` bounds the search."""

    forgetting: bool = True
    individual_priors: bool = True
    item_effects: bool = False
    prior_answers: float = 10.0
    rounds: int = 80

    def __post_init__(self) -> None:
        check_ranges(self, prior_answers=(1e-3, 1e6), rounds=(1, 10_000))


class BKT(ResponseModel):
    """State (2 + 2 * slots): sum of surprises and answers; per slot mastery and whether the skill was met."""

    prior_logit: Tensor
    learn: Tensor
    forget: Tensor
    guess: Tensor
    slip: Tensor
    standing: Tensor
    mean_credit: Tensor
    item_shift: Tensor
    category_shift: Tensor

    def __init__(self, config: BKTConfig, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.config = config
        self.reads_items = config.item_effects
        self.slots = SkillSums(sizes.num_skills, 2)
        n = self.slots.num_slots
        prior, learn, forget, guess, slip = baum_welch.STARTS[0]
        self.register_buffer("prior_logit", torch.full((n,), prior).logit())
        self.register_buffer("learn", torch.full((n,), learn))
        self.register_buffer("forget", torch.full((n,), forget if config.forgetting else 0.0))
        self.register_buffer("guess", torch.full((n,), guess))
        self.register_buffer("slip", torch.full((n,), slip))
        self.register_buffer("standing", torch.zeros(()))
        self.register_buffer("mean_credit", torch.full((n,), 0.5))
        self.register_buffer("item_shift", torch.zeros(sizes.num_items))
        self.register_buffer("category_shift", torch.zeros(sizes.num_categories))

    def start_from(self, answers: TrainingAnswers) -> None:
        self._read_means(answers)
        if self.config.item_effects:
            self._read_items(answers)
        runs = self._runs(answers)
        if not len(runs.skills):
            return
        found = baum_welch.fit(
            runs,
            self.slots.num_slots,
            forgetting=self.config.forgetting,
            individual_priors=self.config.individual_priors,
            prior_answers=self.config.prior_answers,
            rounds=self.config.rounds,
        )
        for name in ("prior_logit", "learn", "forget", "guess", "slip"):
            getattr(self, name).copy_(torch.from_numpy(getattr(found, name)))
        self.standing.fill_(found.standing)
        if self.sizes.num_categories > 2:
            self._read_categories(answers.counts[0].sum(0))

    def num_learnt(self) -> int:
        tables = (self.prior_logit, self.learn, self.forget, self.guess, self.slip, self.item_shift)
        return sum(table.numel() for table in tables)

    def initial_state(self, num_students: int = 1) -> Tensor:
        return self.learn.new_zeros(num_students, 2 + 2 * self.slots.num_slots)

    def forward(self, batch: Batch) -> Tensor:
        return scan(self, batch).clamp(min=SMALLEST).log()

    def observe(self, state: Tensor, answer: Answer) -> Tensor:
        slots = self.slots.slots_of(answer.skills)
        credit = response_credit(answer.responses, self.sizes.num_categories).unsqueeze(1)  # (B, 1)
        overall, mastery, met = self._parts(state)
        mastery = torch.where(met.gt(0), mastery, self._prior(overall))  # (B, slots)
        shift = self._shift(answer.items).unsqueeze(1)
        knows, guesses = self._right(self.slip, self.guess, shift)
        if_known = knows.pow(credit) * (1 - knows).pow(1 - credit)
        if_unknown = guesses.pow(credit) * (1 - guesses).pow(1 - credit)
        known = mastery * if_known
        known = known / (known + (1 - mastery) * if_unknown)
        after = known * (1 - self.forget) + (1 - known) * self.learn
        after = torch.where(credit.eq(1), torch.maximum(after, mastery), after)
        touched = is_touched(slots, self.slots.num_slots)
        expected = mean_over_skills(F.embedding(slots, self.mean_credit.unsqueeze(-1)).squeeze(-1), slots)
        overall = overall + torch.stack([credit.squeeze(1) - expected, torch.ones_like(expected)], dim=-1)
        mastery = torch.where(touched, after, mastery * met)
        return torch.cat([overall, mastery, torch.where(touched, 1.0, met)], dim=-1)

    def predict(self, state: Tensor, asked: Asked) -> Tensor:
        overall, mastery, met = self._parts(state)
        mastery = torch.where(met.gt(0), mastery, self._prior(overall))
        slots = self.slots.slots_of(asked.skills)
        mastery = mastery.gather(1, slots.flatten(1)).view(slots.shape)  # (B, N, S)
        shift = self._shift(asked.items).unsqueeze(-1)
        slip, guess = (F.embedding(slots, p.unsqueeze(-1)).squeeze(-1) for p in (self.slip, self.guess))
        knows, guesses = self._right(slip, guess, shift)
        mastery = mastery.unsqueeze(-1)
        by_skill = mastery * self._categories(knows) + (1 - mastery) * self._categories(guesses)
        return torch.stack([mean_over_skills(p, slots) for p in by_skill.unbind(-1)], dim=-1)

    def _prior(self, overall: Tensor) -> Tensor:
        """Return the probability (B, slots) that a skill never met is known, given surprises and answers (B, 2)."""
        standing = overall[:, :1] / (overall[:, 1:] + STANDING_PRIOR)
        return (self.prior_logit + self.standing * standing).sigmoid()

    def _right(self, slip: Tensor, guess: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
        """Return the probabilities of a right answer of one who knows and of one who does not."""
        if not self.config.item_effects:
            return 1 - slip, guess
        knows = ((1 - slip).logit() + shift).sigmoid().clamp(min=1 - baum_welch.MOST_ERROR, max=1 - 1e-3)
        return knows, (guess.logit() + shift).sigmoid().clamp(max=baum_welch.MOST_ERROR)

    def _categories(self, right: Tensor) -> Tensor:
        """Return probabilities (..., K) of the categories for one who earns full credit with `right` (...)."""
        credit = torch.linspace(0, 1, self.sizes.num_categories, device=right.device)
        return (self.category_shift + credit * right.logit().unsqueeze(-1)).softmax(-1)

    def _shift(self, items: Tensor) -> Tensor:
        return F.embedding(items, self.item_shift.unsqueeze(-1)).squeeze(-1)

    def _parts(self, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        n = self.slots.num_slots
        return state[:, :2], state[:, 2 : 2 + n], state[:, 2 + n :]

    def _read_means(self, answers: TrainingAnswers) -> None:
        """Read the mean credit of each slot."""
        counts = answers.counts[0]
        credit = counts @ torch.linspace(0, 1, self.sizes.num_categories)
        overall = (credit.sum() + 1) / (counts.sum() + 2)
        slots = self.slots.slots_of(answers.item_skills)
        earned, given = torch.zeros(2, self.slots.num_slots)
        for column in slots.unbind(-1):
            earned.index_add_(0, column, credit)
            given.index_add_(0, column, counts.sum(-1))
        self.mean_credit.copy_((earned + ITEM_PRIOR * overall) / (given + ITEM_PRIOR))

    def _read_items(self, answers: TrainingAnswers) -> None:
        """Read how much easier each item is than its skills, in logits."""
        counts = answers.counts[0]
        credit = counts @ torch.linspace(0, 1, self.sizes.num_categories)
        slots = self.slots.slots_of(answers.item_skills)
        of_skills = mean_over_skills(F.embedding(slots, self.mean_credit.unsqueeze(-1)).squeeze(-1), slots)
        right_or_wrong = torch.stack([counts.sum(-1) - credit, credit], dim=-1)
        expected = torch.stack([1 - of_skills, of_skills], dim=-1)
        expected = shifted(expected, content_shift(answers, right_or_wrong, expected))[:, 1]
        share = (credit + ITEM_PRIOR * expected) / (counts.sum(-1) + ITEM_PRIOR)
        self.item_shift.copy_(share.logit(1e-4) - of_skills.logit(1e-4))

    def _read_categories(self, counts: Tensor) -> None:
        """Read the weights with which students of all skills, half of whom know them, answer as training did."""
        shares = (counts + 1) / (counts.sum() + len(counts))
        known = self.prior_logit.sigmoid().mean()
        right, guess = 1 - self.slip.mean(), self.guess.mean()
        for _ in range(200):
            found = known * self._categories(right) + (1 - known) * self._categories(guess)
            self.category_shift.add_((shares / found).log())
        self.category_shift.sub_(self.category_shift.mean())

    def _runs(self, answers: TrainingAnswers) -> baum_welch.Runs:
        students, slots_met, credits, standings = [], [], [], []
        num_students = 0
        for batch in answers.batches():
            slots = self.slots.slots_of(batch.skills)
            credit = response_credit(batch.responses, self.sizes.num_categories)
            expected = mean_over_skills(F.embedding(slots, self.mean_credit.unsqueeze(-1)).squeeze(-1), slots)
            surprise = shift_right((credit - expected).cumsum(1))
            standing = surprise / (torch.arange(slots.shape[1]) + STANDING_PRIOR)
            student, step, column = (slots.ne(PADDING) & batch.valid.unsqueeze(-1)).nonzero(as_tuple=True)
            students.append((student + num_students).numpy())
            slots_met.append(slots[student, step, column].numpy())
            credits.append(credit[student, step].numpy())
            standings.append(standing[student, step].numpy())
            num_students += len(slots)
        if not students:
            return baum_welch.Runs(*(np.zeros(0, kind) for kind in (int, float, int, float)))
        return baum_welch.make_runs(
            np.concatenate(students),
            np.concatenate(slots_met),
            np.concatenate(credits).astype(np.float64),
            np.concatenate(standings).astype(np.float64),
        )
