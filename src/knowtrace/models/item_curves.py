"""Item parameters of an item response model for every item there is, from first answers.

The most-answered items by marginal maximum likelihood (`knowtrace.psychometrics`); they set the scale of ability. All
others by the mode of their posterior, given what all answers say of each student's ability, in a few rounds of
expectation and maximisation (Mislevy, 1986). An item's prior is the mean item of its skill, so an item with few
answers stays near that, and one with none is that.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from knowtrace.models.contract import TrainingAnswers
from knowtrace.models.item_content import content_shift, shifted
from knowtrace.models.layers import overall_shares, thresholds_from_counts
from knowtrace.models.skill_sums import at_least_one
from knowtrace.psychometrics import Model, fit, response_matrix

SLOPE_SPREAD = 0.3
"""Standard deviation of log slopes around their mean."""

STEP_SPREAD = 1.0
"""Standard deviation of steps around those of the skill, in logits."""

STEEPEST = 4.0
FEWEST_ITEMS = 6
"""Below so many items there is nothing to set a scale by; slopes start at 1 then."""

ROUNDS = 4
SKILL_PRIOR = 20.0
"""Answers that the mean item weighs against those of a skill."""


@dataclass(frozen=True, eq=False)
class Curves:
    """Slopes (num_items,) and steps (num_items, K-1) in logits of ability, which is N(0, 1) over training students."""

    slopes: Tensor
    steps: Tensor


@dataclass(frozen=True, eq=False)
class FirstAnswers:
    """A student's first answer to each item: students, items and responses, each (M,)."""

    students: Tensor
    items: Tensor
    responses: Tensor
    num_students: int


def log_curves(slopes: Tensor, steps: Tensor, abilities: Tensor, *, graded: bool) -> Tensor:
    """Return log P(category) (..., Q, K) at abilities (Q,) for slopes (...) and steps (..., K-1).

    The generalized partial credit model (Muraki, 1992), or with `graded` the graded response model (Samejima, 1969),
    whose steps are then made to ascend.
    """
    if graded:
        steps = steps.sort(dim=-1).values
        above = slopes[..., None, None] * (abilities.unsqueeze(-1) - steps.unsqueeze(-2))  # (..., Q, K-1)
        at_least = F.pad(F.pad(above.sigmoid(), (1, 0), value=1.0), (0, 1))
        return (at_least[..., :-1] - at_least[..., 1:]).clamp(min=1e-7).log()
    above = slopes[..., None, None] * (abilities.unsqueeze(-1) - steps.unsqueeze(-2))
    return F.pad(above.cumsum(-1), (1, 0)).log_softmax(-1)


def first_answers_of(answers: TrainingAnswers) -> FirstAnswers:
    students, items, responses = [], [], []
    num_students = 0
    for batch in answers.batches():
        student = torch.arange(len(batch.items)).unsqueeze(1).expand_as(batch.items) + num_students
        students.append(student[batch.valid])
        items.append(batch.items[batch.valid])
        responses.append(batch.responses[batch.valid])
        num_students += len(batch.items)
    if not students:
        none = torch.zeros(0, dtype=torch.long)
        return FirstAnswers(none, none, none, 0)
    student, item, response = torch.cat(students), torch.cat(items), torch.cat(responses)
    key = (student * answers.counts.shape[1] + item).numpy()
    first = torch.from_numpy(np.sort(np.unique(key, return_index=True)[1]))
    return FirstAnswers(student[first], item[first], response[first], num_students)


def starting_curves(answers: TrainingAnswers, *, prior_answers: float) -> tuple[Curves, Tensor]:
    """Return curves of slope 1 whose steps are read off counts, and the steps (num_items, K-1) that each item's skill
    and content lead to expect."""
    counts = answers.counts[0]
    skill = at_least_one(answers.item_skills)[:, 0]
    by_skill = counts.new_zeros(int(skill.max()) + 1, counts.shape[1]).index_add_(0, skill, counts)
    shares = _shares(by_skill, overall_shares(counts), SKILL_PRIOR)[skill]  # (num_items, K)
    shares = shifted(shares, content_shift(answers, counts, shares))
    of_skill = (shares[:, :-1] / shares[:, 1:]).log()
    own = counts + prior_answers * shares
    steps = thresholds_from_counts(own, prior_answers=1e-3)
    return Curves(torch.ones(len(counts)), steps), of_skill


def calibrate(
    answers: TrainingAnswers,
    *,
    model: Model,
    mml_items: int,
    fewest_answers: int,
    abilities: Tensor,
    log_prior: Tensor,
    prior_answers: float,
) -> Curves:
    """Return the curves of all items, abilities (Q,) being the grid that integrals are taken over."""
    start, of_skill = starting_curves(answers, prior_answers=prior_answers)
    firsts = first_answers_of(answers)
    if not len(firsts.items):
        return start
    num_items, num_categories = answers.counts.shape[1:]
    chosen = _most_answered(firsts, num_items, num_categories, mml_items, fewest_answers)
    slopes, steps, fixed = start.slopes.clone(), start.steps.clone(), torch.zeros(num_items, dtype=torch.bool)
    if len(chosen) >= FEWEST_ITEMS:
        found, of_found = _by_marginal_likelihood(firsts, chosen, model)
        fixed[found] = True
        slopes[:] = of_found.slopes.log().mean().exp()
        # What a student of ability 0 does sets the skill's steps; a slope other than 1 stretches them.
        of_skill = of_skill / slopes[0]
        steps = steps / slopes[0]
        slopes[found], steps[found] = of_found.slopes, of_found.steps
    posterior = _Rounds(firsts, abilities, log_prior, of_skill, fixed, model)
    return posterior.run(Curves(slopes, steps))


def _shares(counts: Tensor, prior: Tensor, weight: float) -> Tensor:
    return (counts + weight * prior) / (counts.sum(-1, keepdim=True) + weight)


def _most_answered(
    firsts: FirstAnswers, num_items: int, num_categories: int, most: int, fewest: int
) -> Tensor:
    """Return the items that were answered most, each at least `fewest` times and in every category."""
    counts = torch.zeros(num_items, num_categories)
    counts.index_put_((firsts.items, firsts.responses), torch.ones(len(firsts.items)), accumulate=True)
    enough = counts.sum(-1).ge(fewest) & counts.gt(0).all(-1)
    order = counts.sum(-1).argsort(descending=True, stable=True)
    return order[enough[order]][:most]


def _by_marginal_likelihood(firsts: FirstAnswers, chosen: Tensor, model: Model) -> tuple[Tensor, Curves]:
    """Return the chosen items whose estimates can be trusted, and their curves."""
    column = torch.full((int(firsts.items.max()) + 1,), -1)
    column[chosen[chosen < len(column)]] = torch.arange(len(chosen))
    at = column[firsts.items]
    kept = at >= 0
    table = np.full((firsts.num_students, len(chosen)), np.nan)
    table[firsts.students[kept].numpy(), at[kept].numpy()] = firsts.responses[kept].numpy()
    names = [str(item) for item in chosen.tolist()]
    found = fit(response_matrix(table, items=names), model).parameters
    slopes = torch.from_numpy(found.slope).float()
    steps = torch.from_numpy(found.difficulties).float()
    sound = slopes.gt(1 / STEEPEST) & slopes.lt(STEEPEST) & steps.abs().lt(2 * STEEPEST).all(-1)
    items = torch.tensor([int(item) for item in found.items])
    return items[sound], Curves(slopes[sound], steps[sound])


@dataclass(frozen=True, eq=False)
class _Rounds:
    """Expectation and maximisation over all items at once; items that are fixed keep their curves."""

    firsts: FirstAnswers
    abilities: Tensor
    log_prior: Tensor
    of_skill: Tensor
    fixed: Tensor
    model: Model

    def run(self, curves: Curves) -> Curves:
        mean_log_slope = curves.slopes.log().mean()
        for _ in range(ROUNDS):
            expected = self._expected_counts(curves)
            curves = self._maximised(curves, expected, mean_log_slope)
        return curves

    def _expected_counts(self, curves: Curves) -> Tensor:
        """Return how many answers of each category are expected from each ability, (num_items, Q, K)."""
        firsts = self.firsts
        table = log_curves(curves.slopes, curves.steps, self.abilities, graded=self.model == "grm")
        given = table[firsts.items, :, firsts.responses]  # (M, Q)
        total = self.log_prior.repeat(firsts.num_students, 1).index_add_(0, firsts.students, given)
        weights = total.softmax(-1)[firsts.students]
        counts = torch.zeros_like(table).transpose(1, 2).contiguous()  # (num_items, K, Q)
        counts.index_put_((firsts.items, firsts.responses), weights, accumulate=True)
        return counts.transpose(1, 2)

    def _maximised(self, curves: Curves, expected: Tensor, mean_log_slope: Tensor) -> Curves:
        log_slopes, steps = curves.slopes.log().clone(), curves.steps.clone()
        searched = [steps] if self.model == "1pl" else [log_slopes, steps]
        for part in searched:
            part.requires_grad_()
        search = torch.optim.LBFGS(searched, max_iter=25, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            search.zero_grad()
            table = log_curves(log_slopes.exp(), steps, self.abilities, graded=self.model == "grm")
            far = ((log_slopes - mean_log_slope) / SLOPE_SPREAD).square().sum()
            far = far + ((steps - self.of_skill) / STEP_SPREAD).square().sum()
            value = (far / 2 - (expected * table).sum()) / len(self.firsts.items)
            value.backward()
            return value

        search.step(loss)  # pyright: ignore[reportArgumentType] - the closure may return a tensor
        slopes = torch.where(self.fixed, curves.slopes, log_slopes.detach().exp())
        return Curves(slopes, torch.where(self.fixed.unsqueeze(-1), curves.steps, steps.detach()))
