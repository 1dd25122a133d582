"""Item response theory as a filter: calibrated item curves, and what is known of a student's ability as a curve too.

Item parameters come from first answers (`item_curves.py`): marginal maximum likelihood (Bock and Aitkin, 1981) for the
most-answered items, posterior modes for the others. The state is the log posterior of ability on a grid; an answer adds
the log probability of its category at each ability, and the prediction is the mean of the item's curve.

Unusual here:
- ability may change: after each answer the posterior spreads by a random walk (`diffusion`) and drifts up (`growth`)
- one ability over all skills; skills only say what an item without answers is like
- 41 abilities from -5 to 5 serve; calibration by marginal likelihood takes the 161 of `psychometrics`
- nothing is learnt by gradient
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from knowtrace.errors import TrainingError
from knowtrace.models.contract import Answer, Asked, Batch, ResponseModel, Sizes, TrainingAnswers
from knowtrace.models.item_curves import calibrate, log_curves
from knowtrace.models.layers import PRIOR_ANSWERS, scan
from knowtrace.models.ranges import check_ranges

NUM_ABILITIES = 41
FARTHEST = 5.0
SPACING = 2 * FARTHEST / (NUM_ABILITIES - 1)
SMALLEST = 1e-12

Curve = Literal["1pl", "2pl", "grm", "gpcm"]
CURVES = ("1pl", "2pl", "grm", "gpcm")


@dataclass(frozen=True, kw_only=True)
class IRTConfig:
    """`curve` is the item model, 1pl and 2pl for binary answers only.

    `diffusion` is the standard deviation and `growth` the mean of what ability changes by with each answer, in logits.
    The `mml_items` most-answered items, of `fewest_answers` first answers or more, are calibrated by marginal
    likelihood; `prior_answers` shrinks where the others start.
    """

    curve: Curve = "gpcm"
    diffusion: float = 0.15
    growth: float = 0.0
    mml_items: int = 100
    fewest_answers: int = 100
    prior_answers: float = 5.0

    def __post_init__(self) -> None:
        check_ranges(
            self,
            diffusion=(0, 0.9 * SPACING),
            growth=(0, 0.1 * SPACING),
            mml_items=(0, 2_000),
            fewest_answers=(2, 1e9),
            prior_answers=PRIOR_ANSWERS,
        )
        if self.curve not in CURVES:
            raise TrainingError(f"curve ({self.curve!r}) must be one of {', '.join(CURVES)}.")


class IRT(ResponseModel):
    """State (41): the logarithm of the posterior probability of each ability."""

    slopes: Tensor
    steps: Tensor
    abilities: Tensor
    log_prior: Tensor

    def __init__(self, config: IRTConfig, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.config = config
        if sizes.num_categories > 2 and config.curve in ("1pl", "2pl"):
            raise TrainingError(
                f"curve {config.curve!r} takes items with two categories; these have {sizes.num_categories}. "
                "Use gpcm or grm."
            )
        abilities = torch.linspace(-FARTHEST, FARTHEST, NUM_ABILITIES)
        self.register_buffer("abilities", abilities)
        self.register_buffer("log_prior", (-abilities.square() / 2).log_softmax(0))
        self.register_buffer("slopes", torch.ones(sizes.num_items))
        self.register_buffer("steps", torch.zeros(sizes.num_items, sizes.num_categories - 1))

    def start_from(self, answers: TrainingAnswers) -> None:
        found = calibrate(
            answers,
            model=self.config.curve,
            mml_items=self.config.mml_items,
            fewest_answers=self.config.fewest_answers,
            abilities=self.abilities,
            log_prior=self.log_prior,
            prior_answers=self.config.prior_answers,
        )
        self.slopes.copy_(found.slopes)
        self.steps.copy_(found.steps)

    def num_learnt(self) -> int:
        return self.slopes.numel() + self.steps.numel()

    def initial_state(self, num_students: int = 1) -> Tensor:
        return self.log_prior.repeat(num_students, 1)

    def forward(self, batch: Batch) -> Tensor:
        return scan(self, batch).clamp(min=SMALLEST).log()

    def observe(self, state: Tensor, answer: Answer) -> Tensor:
        curves = self._curves(answer.items)  # (B, Q, K)
        given = answer.responses[:, None, None].expand(-1, NUM_ABILITIES, 1)
        posterior = (state + curves.gather(-1, given).squeeze(-1)).softmax(-1)
        spread = self.config.diffusion**2 / (2 * SPACING**2)
        up, down = spread + self.config.growth / SPACING, spread
        # At both ends what would leave stays.
        higher = torch.cat(
            [torch.zeros_like(posterior[:, :1]), posterior[:, :-2], posterior[:, -2:].sum(1, True)], 1
        )
        lower = torch.cat(
            [posterior[:, :2].sum(1, True), posterior[:, 2:], torch.zeros_like(posterior[:, :1])], 1
        )
        changed = (1 - up - down) * posterior + up * higher + down * lower
        return changed.clamp(min=SMALLEST).log()

    def predict(self, state: Tensor, asked: Asked) -> Tensor:
        curves = self._curves(asked.items).exp()  # (B, N, Q, K)
        probabilities = (state.softmax(-1)[:, None, :, None] * curves).sum(-2)
        return probabilities / probabilities.sum(-1, keepdim=True)

    def item_curves(self, item_skills: Tensor) -> dict[str, Tensor]:
        return {
            "difficulty": self.steps.mean(-1),
            "discrimination": self.slopes,
            "guessing": torch.zeros_like(self.slopes),
        }

    def _curves(self, items: Tensor) -> Tensor:
        slopes = F.embedding(items, self.slopes.unsqueeze(-1)).squeeze(-1)
        return log_curves(
            slopes, F.embedding(items, self.steps), self.abilities, graded=self.config.curve == "grm"
        )
