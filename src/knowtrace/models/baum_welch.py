"""Baum-Welch for Bayesian knowledge tracing: many short sequences at once, parameters per skill (Rabiner, 1989).

All sequences take their first step together, then their second, and so on; the longest stand first, so that those
still running are always a prefix.
"""

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LOWEST, HIGHEST = 1e-3, 1 - 1e-3
MOST_ERROR = 0.5
"""Guess and slip stay below: beyond, a right answer would speak against knowing."""

STARTS = ((0.4, 0.1, 0.02, 0.25, 0.1), (0.6, 0.03, 0.02, 0.35, 0.2), (0.2, 0.2, 0.02, 0.15, 0.05))
"""Prior, learn, forget, guess, slip from which the search is begun: its maxima are local."""

TOLERANCE = 1e-5
"""The search ends when a round gains less than this an answer."""


@dataclass(frozen=True, eq=False)
class Runs:
    """Answers of R students to one skill each, E in all, in order of steps: first all first answers, then all second.

    sizes (L,), how many of the sequences have a step t · credits (E,) in [0, 1] · skills (R,) · standings (R,), how the
    student stood before the first answer, see `individual prior`.
    """

    sizes: Integers
    credits: Floats
    skills: Integers
    standings: Floats


@dataclass(frozen=True, eq=False)
class Parameters:
    """Per skill (Z,): the logit of the prior, and the probabilities to learn, forget, guess and slip; and the weight of
    a student's standing in the logit of the prior."""

    prior_logit: Floats
    learn: Floats
    forget: Floats
    guess: Floats
    slip: Floats
    standing: float = 0.0


@dataclass(frozen=True, eq=False)
class _Expected:
    """What the E step finds: posteriors of knowing (E,) and of learning and forgetting after each answer (E,), and the
    log-likelihood of each sequence (R,)."""

    known: Floats
    learnt: Floats
    forgot: Floats
    log_likelihood: Floats


def make_runs(students: Integers, skills: Integers, credits: Floats, standings: Floats) -> Runs:
    """Return answers (E,) in the order they were given as sequences, one per student and skill."""
    key = students * (int(skills.max(initial=0)) + 1) + skills
    order = np.argsort(key, kind="stable")
    first = np.flatnonzero(np.diff(key[order], prepend=-1))
    lengths = np.diff(first, append=len(order))
    longest = np.argsort(-lengths, kind="stable")
    first, lengths = first[longest], lengths[longest]
    sizes = np.array([np.searchsorted(-lengths, -t, side="left") for t in range(int(lengths.max(initial=0)))])
    where = np.concatenate([first[:size] + t for t, size in enumerate(sizes)]) if len(sizes) else first
    return Runs(sizes, credits[order][where], skills[order][first], standings[order][first])


def fit(
    runs: Runs,
    num_skills: int,
    *,
    forgetting: bool,
    individual_priors: bool,
    prior_answers: float,
    rounds: int,
) -> Parameters:
    """Return the parameters (num_skills,) that best explain the runs.

    Parameters of a skill are drawn to those of all skills taken as one, which weigh `prior_answers` answers, so a skill
    without answers has those. Each skill keeps the best of several searches.
    """
    search = _Search(runs, forgetting, individual_priors, rounds)
    together = search.best(np.zeros_like(runs.skills), [_start(values, 1) for values in STARTS], None, 0.0)
    centre = _repeated(together, num_skills)
    if not forgetting:
        centre = replace(centre, forget=np.zeros(num_skills))
    starts = [
        centre,
        *(replace(_start(values, num_skills), standing=centre.standing) for values in STARTS[1:]),
    ]
    return search.best(runs.skills, starts, centre, prior_answers)


@dataclass(frozen=True, eq=False)
class _Search:
    runs: Runs
    forgetting: bool
    individual_priors: bool
    rounds: int

    def best(
        self, skills: Integers, starts: list[Parameters], centre: Parameters | None, weight: float
    ) -> Parameters:
        """Return for each skill the parameters of the search that ended highest."""
        found = [self._climb(skills, start, centre, weight) for start in starts]
        highest = np.stack([value for _, value in found]).argmax(0)  # (Z,)
        chosen = {
            f.name: np.stack([getattr(p, f.name) for p, _ in found])[highest, np.arange(len(highest))]
            for f in fields(Parameters)
            if f.name != "standing"
        }
        return Parameters(**chosen, standing=found[0][0].standing)

    def _climb(
        self, skills: Integers, start: Parameters, centre: Parameters | None, weight: float
    ) -> tuple[Parameters, Floats]:
        parameters = start if self.forgetting else replace(start, forget=np.zeros_like(start.forget))
        height, total = np.zeros(len(start.learn)), -np.inf
        for _ in range(self.rounds):
            expected = _expect(self.runs, skills, parameters)
            height = _sums(skills, expected.log_likelihood, len(start.learn))
            if centre is not None:
                height = height + weight * _closeness(parameters, centre, self.forgetting)
            if height.sum() - total < TOLERANCE * len(self.runs.credits):
                break
            total = height.sum()
            parameters = self._improved(skills, parameters, expected, centre, weight)
        return parameters, height

    def _improved(
        self, skills: Integers, old: Parameters, expected: _Expected, centre: Parameters | None, weight: float
    ) -> Parameters:
        runs, n = self.runs, len(old.learn)
        of_answer = np.concatenate([skills[:size] for size in runs.sizes])
        goes_on = _goes_on(runs)

        def share(part: Floats, whole: Floats, middle: Floats | None, highest: float = HIGHEST) -> Floats:
            above, below = _sums(of_answer, part, n), _sums(of_answer, whole, n)
            if middle is not None:
                above, below = above + weight * middle, below + weight
            return np.clip(above / np.maximum(below, 1e-12), LOWEST, highest)

        known, unknown = expected.known, 1 - expected.known
        first = known[: len(runs.skills)]
        prior_logit, standing = _improved_prior(
            first,
            skills,
            runs.standings,
            old,
            centre,
            weight if centre else 0.0,
            moves=self.individual_priors,
        )
        forget = old.forget
        if self.forgetting:
            forget = share(
                expected.forgot, known * goes_on, None if centre is None else centre.forget, MOST_ERROR
            )
        return Parameters(
            prior_logit=prior_logit,
            learn=share(expected.learnt, unknown * goes_on, None if centre is None else centre.learn),
            forget=forget,
            guess=share(
                unknown * runs.credits, unknown, None if centre is None else centre.guess, MOST_ERROR
            ),
            slip=share(
                known * (1 - runs.credits), known, None if centre is None else centre.slip, MOST_ERROR
            ),
            standing=standing,
        )


def _expect(runs: Runs, skills: Integers, parameters: Parameters) -> _Expected:
    of_answer = np.concatenate([skills[:size] for size in runs.sizes])
    guess, slip = parameters.guess[of_answer], parameters.slip[of_answer]
    learn, forget = parameters.learn[of_answer], parameters.forget[of_answer]
    right, wrong = runs.credits, 1 - runs.credits
    if_known = (1 - slip) ** right * slip**wrong
    if_unknown = guess**right * (1 - guess) ** wrong
    ends = np.cumsum(runs.sizes)
    steps = [slice(end - size, end) for end, size in zip(ends, runs.sizes, strict=True)]
    after, evidence = np.empty_like(right), np.empty_like(right)
    mastery = _sigmoid(parameters.prior_logit[skills] + parameters.standing * runs.standings)
    for at, size in zip(steps, runs.sizes, strict=True):
        mastery = mastery[:size]
        known = mastery * if_known[at]
        evidence[at] = known + (1 - mastery) * if_unknown[at]
        after[at] = known / evidence[at]
        mastery = after[at] * (1 - forget[at]) + (1 - after[at]) * learn[at]
    log_likelihood = _sums(
        np.concatenate([np.arange(size) for size in runs.sizes]), np.log(evidence), len(skills)
    )
    # What the rest of a sequence says for knowing and for not knowing after each answer, over its probability.
    for_known, for_unknown = np.ones_like(right), np.ones_like(right)
    learnt, forgot = np.zeros_like(right), np.zeros_like(right)
    for at, following in zip(reversed(steps[:-1]), reversed(steps[1:]), strict=True):
        some = slice(at.start, at.start + following.stop - following.start)
        known_next = if_known[following] * for_known[following] / evidence[following]
        unknown_next = if_unknown[following] * for_unknown[following] / evidence[following]
        for_known[some] = (1 - forget[some]) * known_next + forget[some] * unknown_next
        for_unknown[some] = learn[some] * known_next + (1 - learn[some]) * unknown_next
        learnt[some] = (1 - after[some]) * learn[some] * known_next
        forgot[some] = after[some] * forget[some] * unknown_next
    return _Expected(after * for_known, learnt, forgot, log_likelihood)


def _improved_prior(
    known: Floats,
    skills: Integers,
    standings: Floats,
    old: Parameters,
    centre: Parameters | None,
    weight: float,
    *,
    moves: bool,
) -> tuple[Floats, float]:
    """Return the logits of the prior and the weight of standing after two Newton steps of their logistic regression.

    known (R,): how probably each student knew the skill before the first answer.
    """
    n = len(old.prior_logit)
    logit, standing = old.prior_logit, old.standing
    for _ in range(2):
        prior = _sigmoid(logit[skills] + standing * standings)
        slope, bend = _sums(skills, known - prior, n), _sums(skills, prior * (1 - prior), n)
        if centre is not None:
            own, middle = _sigmoid(logit), _sigmoid(centre.prior_logit)
            slope, bend = slope + weight * (middle - own), bend + weight * own * (1 - own)
        logit = np.clip(logit + np.clip(slope / np.maximum(bend, 1e-6), -1, 1), -6, 6)
        if moves:
            prior = _sigmoid(logit[skills] + standing * standings)
            bend_all = float((prior * (1 - prior) * standings**2).sum())
            standing += float(((known - prior) * standings).sum()) / max(bend_all, 1.0)
    return logit, standing


def _closeness(parameters: Parameters, centre: Parameters, forgetting: bool) -> Floats:
    """Return the log prior of one answer's weight: -sum of the cross-entropies between centre and parameters."""
    pairs = [
        (_sigmoid(centre.prior_logit), _sigmoid(parameters.prior_logit)),
        (centre.learn, parameters.learn),
        (centre.guess, parameters.guess),
        (centre.slip, parameters.slip),
    ]
    if forgetting:
        pairs.append((centre.forget, parameters.forget))
    return sum((m * np.log(p) + (1 - m) * np.log1p(-p) for m, p in pairs), np.zeros_like(centre.learn))


def _goes_on(runs: Runs) -> Floats:
    """Return 1 for each answer that another of its sequence follows, (E,)."""
    following = [*runs.sizes[1:].tolist(), 0]
    return np.concatenate(
        [np.arange(size) < after for size, after in zip(runs.sizes.tolist(), following, strict=True)]
    ).astype(np.float64)


def _start(values: tuple[float, ...], num_skills: int) -> Parameters:
    prior, learn, forget, guess, slip = (np.full(num_skills, value) for value in values)
    return Parameters(np.log(prior / (1 - prior)), learn, forget, guess, slip)


def _repeated(parameters: Parameters, num_skills: int) -> Parameters:
    columns = {
        f.name: np.repeat(getattr(parameters, f.name), num_skills)
        for f in fields(Parameters)
        if f.name != "standing"
    }
    return Parameters(**columns, standing=parameters.standing)


def _sums(which: Integers, values: Floats, length: int) -> Floats:
    return np.bincount(which, values, length).astype(np.float64)


def _sigmoid(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-x))
