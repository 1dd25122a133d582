"""Bayesian GPCM: how able a student is and how sure that is, under the generalized partial credit model (Muraki, 1992).

Items have normal posteriors, learnt by maximising the evidence lower bound (Kingma and Welling, 2014,
arXiv:1312.6114); a student's abilities are filtered answer by answer (`ability_filter.py`), so what training maximises
is the probability of each answer with the abilities integrated out. Normal filtering is chosen over a network that
states its own uncertainty because its spread follows from the model: coverage is measured in
`benchmarks/ability_coverage.py`.

Unusual here:
- in training items are drawn from their posteriors; a trained model averages over fixed points of them and of the
  ability, so the same state always gives the same probabilities
- the divergence from the prior is weighed by 1 / training answers, and rises from zero over the first batches
- overall ability starts as N(0, 1), which fixes the scale; the spread of skills, growth and its noise are learnt
- times are not read: forgetting between sessions is part of the noise
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from knowtrace.models import ability_filter as filtering
from knowtrace.models import running_sums as running
from knowtrace.models.ability_filter import Abilities, Growth
from knowtrace.models.contract import (
    Answer,
    Asked,
    Batch,
    ResponseModel,
    Sizes,
    TrainingAnswers,
    response_loss,
)
from knowtrace.models.item_posterior import ItemPosterior
from knowtrace.models.layers import PRIOR_ANSWERS
from knowtrace.models.ranges import check_ranges

SKILL_VARIANCE, RATE, LEVEL, NOISE = 0.3, 0.05, 1.0, 0.01
"""Where learning starts: variance of a skill about the overall ability, and growth per answer."""


@dataclass(frozen=True, kw_only=True)
class BayesianGPCMConfig:
    """`prior_answers` shrinks the item means that training starts from; the divergence has its full weight after
    `annealed_batches`."""

    prior_answers: float = 5.0
    annealed_batches: int = 100

    def __post_init__(self) -> None:
        check_ranges(self, prior_answers=PRIOR_ANSWERS, annealed_batches=(1, 1_000_000))


class BayesianGPCM(ResponseModel):
    """State (3 * slots): mean, variance and covariance with the overall ability, per skill; beyond 192 skills share."""

    num_answers: Tensor
    num_batches: Tensor

    def __init__(self, config: BayesianGPCMConfig, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.config = config
        self.items = ItemPosterior(sizes)
        self.log_skill_variance = nn.Parameter(torch.tensor(SKILL_VARIANCE).log())
        self.growth_logit = nn.Parameter(torch.tensor(RATE).logit())
        self.level = nn.Parameter(torch.tensor(LEVEL))
        self.log_noise = nn.Parameter(torch.tensor(NOISE).log())
        self.register_buffer("num_answers", torch.tensor(1.0))
        self.register_buffer("num_batches", torch.tensor(0))

    def start_from(self, answers: TrainingAnswers) -> None:
        self.items.start_from(answers, prior_answers=self.config.prior_answers)
        self.num_answers.fill_(answers.counts[0].sum().clamp(min=1))

    def forward(self, batch: Batch) -> Tensor:
        items = self.items.drawn(batch.items) if self.training else self.items.averaged(batch.items)
        slots = running.slots_of(batch.skills, self.sizes.num_skills)
        abilities, growth = self._initial(batch.items.shape[0]), self._growth()
        steps: list[Tensor] = []
        for t in range(batch.items.shape[1]):
            mean, variance = filtering.on_items(abilities, slots[:, t : t + 1])
            likely, spread = filtering.log_likelihoods(mean.squeeze(1), variance.squeeze(1), items.step(t))
            steps.append(filtering.predicted(likely))
            abilities = filtering.after_answer(
                abilities, slots[:, t], likely, spread, batch.responses[:, t], growth
            )
        return torch.stack(steps, dim=1)

    def loss(self, batch: Batch) -> Tensor:
        """Return the negative evidence lower bound per answer, its divergence annealed over the first batches."""
        if self.training:
            self.num_batches += 1
        weight = (self.num_batches / self.config.annealed_batches).clamp(max=1) / self.num_answers
        return response_loss(self(batch), batch) + weight * self.items.divergence()

    def initial_state(self, num_students: int = 1) -> Tensor:
        return torch.cat(self._initial(num_students), dim=1)

    def observe(self, state: Tensor, answer: Answer) -> Tensor:
        abilities = self._abilities(state)
        slots = running.slots_of(answer.skills, self.sizes.num_skills)
        mean, variance = filtering.on_items(abilities, slots.unsqueeze(1))
        items = self.items.averaged(answer.items)
        likely, spread = filtering.log_likelihoods(mean.squeeze(1), variance.squeeze(1), items)
        return torch.cat(
            filtering.after_answer(abilities, slots, likely, spread, answer.responses, self._growth()), dim=1
        )

    def predict(self, state: Tensor, asked: Asked) -> Tensor:
        slots = running.slots_of(asked.skills, self.sizes.num_skills)
        mean, variance = filtering.on_items(self._abilities(state), slots)
        likely, _ = filtering.log_likelihoods(mean, variance, self.items.averaged(asked.items))
        return filtering.predicted(likely).exp()

    def ability(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation (B, slots) of the abilities of a state (B, D), in logits.

        Column s is the ability in the skill of index s, column 0 the overall one.
        """
        mean, variance, _ = self._abilities(state)
        return mean, variance.sqrt()

    def _initial(self, num_students: int) -> Abilities:
        apart = self.log_skill_variance.exp().expand(running.num_slots(self.sizes.num_skills) - 1)
        variance = 1 + torch.cat([apart.new_zeros(1), apart]).expand(num_students, -1)
        return Abilities(torch.zeros_like(variance), variance, torch.ones_like(variance))

    def _abilities(self, state: Tensor) -> Abilities:
        return Abilities(*state.chunk(3, dim=1))

    def _growth(self) -> Growth:
        return Growth(self.growth_logit.sigmoid(), self.level, self.log_noise.exp())
