"""Models with one fault each, and the law that must catch it. `Sound` is the same model without a fault."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from contract import checks
from knowtrace.models import Answer, Asked, Batch, ResponseModel, Sizes
from knowtrace.models.layers import category_logits, mean_skill_vector, shift_right


class Sound(ResponseModel):
    """A running sum of answer vectors, read against the asked item's vector."""

    width: ClassVar[int] = 8

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.item = nn.Embedding(sizes.num_items, self.width, padding_idx=0)
        self.skill = nn.Embedding(sizes.num_skills, self.width, padding_idx=0)
        self.threshold = nn.Embedding(sizes.num_items, sizes.num_categories - 1, padding_idx=0)

    def added(self, items: Tensor, skills: Tensor, responses: Tensor) -> Tensor:
        vectors = self.item(items) + mean_skill_vector(self.skill.weight, skills)
        return 0.1 * vectors * (2 * responses.unsqueeze(-1) - 1)

    def past(self, batch: Batch) -> Tensor:
        return shift_right(self.added(batch.items, batch.skills, batch.responses).cumsum(1))

    def read(self, state: Tensor, items: Tensor, skills: Tensor) -> Tensor:
        asked = self.item(items) + mean_skill_vector(self.skill.weight, skills)
        return category_logits((state * asked).sum(-1), self.threshold(items))

    def forward(self, batch: Batch) -> Tensor:
        return self.read(self.past(batch), batch.items, batch.skills)

    def initial_state(self, num_students: int = 1) -> Tensor:
        return self.item.weight.new_zeros(num_students, self.width)

    def observe(self, state: Tensor, answer: Answer) -> Tensor:
        return state + self.added(answer.items, answer.skills, answer.responses)

    def predict(self, state: Tensor, asked: Asked) -> Tensor:
        return self.read(state.unsqueeze(1), asked.items, asked.skills).softmax(-1)


class SeesItsOwnAnswer(Sound):
    """The history is not shifted, so step t sees response t."""

    def past(self, batch: Batch) -> Tensor:
        return self.added(batch.items, batch.skills, batch.responses).cumsum(1)


class SeesTheWholeFuture(Sound):
    """An average over all steps, as attention without a causal mask."""

    def past(self, batch: Batch) -> Tensor:
        whole = self.added(batch.items, batch.skills, batch.responses).mean(1, keepdim=True)
        return whole.expand(-1, batch.items.shape[1], -1)


class LagsByOne(Sound):
    """The history is shifted twice, so step t does not know response t - 1."""

    def past(self, batch: Batch) -> Tensor:
        return shift_right(super().past(batch))


class ForgetsResponses(Sound):
    """Answers enter without their response."""

    def added(self, items: Tensor, skills: Tensor, responses: Tensor) -> Tensor:
        return super().added(items, skills, torch.ones_like(responses))


class IgnoresTheAskedItem(Sound):
    """One output for whatever is asked."""

    def read(self, state: Tensor, items: Tensor, skills: Tensor) -> Tensor:
        one, none = torch.ones_like(items), torch.zeros_like(skills)
        return super().read(state, one, none)


class AsksThePreviousItem(Sound):
    """The query is the item before: probabilities at t do not depend on the item asked at t."""

    def forward(self, batch: Batch) -> Tensor:
        return self.read(self.past(batch), shift_right(batch.items), shift_right(batch.skills))


class CountsPaddedSkills(Sound):
    """The mean over skills divides by the padded width."""

    def read(self, state: Tensor, items: Tensor, skills: Tensor) -> Tensor:
        asked = self.item(items) + self.skill(skills).mean(-2)
        return category_logits((state * asked).sum(-1), self.threshold(items))


class LearnsItsPadding(Sound):
    """The padding row of the skill table gets gradient, and padded skills add it."""

    def read(self, state: Tensor, items: Tensor, skills: Tensor) -> Tensor:
        total = nn.functional.embedding(skills, self.skill.weight).sum(-2)
        asked = self.item(items) + total / skills.ne(0).sum(-1, keepdim=True).clamp(min=1)
        return category_logits((state * asked).sum(-1), self.threshold(items))


class ReadsTheLastPaddedStep(Sound):
    """The whole history is normalised by the padded length."""

    def past(self, batch: Batch) -> Tensor:
        return super().past(batch) / batch.items.shape[1]


class HasADeadParameter(Sound):
    """A weight that nothing uses."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.unused = nn.Parameter(torch.ones(3))


class ReturnsProbabilities(Sound):
    """The softmax is taken inside, so the loss would take it twice."""

    def forward(self, batch: Batch) -> Tensor:
        return super().forward(batch).softmax(-1)


class StepDiffers(Sound):
    """The step form adds twice what the parallel form adds."""

    def observe(self, state: Tensor, answer: Answer) -> Tensor:
        return state + 2 * self.added(answer.items, answer.skills, answer.responses)


class GrowsItsState(Sound):
    """Every answer makes the state longer."""

    def observe(self, state: Tensor, answer: Answer) -> Tensor:
        return torch.cat([state, self.added(answer.items, answer.skills, answer.responses)], dim=-1)


class ChangesStateInPlace(Sound):
    """The old state is overwritten."""

    def observe(self, state: Tensor, answer: Answer) -> Tensor:
        return state.add_(self.added(answer.items, answer.skills, answer.responses))


class HasFallingCurves(Sound):
    """The better a student is, the worse the item goes."""

    def item_curves(self, item_skills: Tensor) -> dict[str, Tensor]:
        none = torch.zeros(self.sizes.num_items)
        return {"difficulty": none, "discrimination": none - 1, "guessing": none}


class ForgetsABuffer(Sound):
    """Part of what it computes with is not saved."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.scale = nn.Parameter(torch.ones(1))

    def state_dict(self, *args: object, **kwargs: object) -> dict[str, Tensor]:  # type: ignore[override]
        return {name: t for name, t in super().state_dict().items() if name != "scale"}

    def load_state_dict(self, state_dict: dict[str, Tensor], *args: object, **kwargs: object) -> object:  # type: ignore[override]
        return super().load_state_dict(state_dict, strict=False)

    def read(self, state: Tensor, items: Tensor, skills: Tensor) -> Tensor:
        return self.scale * super().read(state, items, skills)


CASES = [
    (SeesItsOwnAnswer, checks.check_no_future_leak),
    (SeesTheWholeFuture, checks.check_no_future_leak),
    (LagsByOne, checks.check_history_matters),
    (LagsByOne, checks.check_parallel_equals_steps),
    (ForgetsResponses, checks.check_history_matters),
    (IgnoresTheAskedItem, checks.check_asked_item_matters),
    (AsksThePreviousItem, checks.check_asked_item_matters),
    (CountsPaddedSkills, checks.check_padding_is_inert),
    (LearnsItsPadding, checks.check_padding_is_inert),
    (ReadsTheLastPaddedStep, checks.check_padding_is_inert),
    (HasADeadParameter, checks.check_every_parameter_learns),
    (ReturnsProbabilities, checks.check_shapes_and_logits),
    (StepDiffers, checks.check_parallel_equals_steps),
    (StepDiffers, checks.check_exported_steps_agree),
    (GrowsItsState, checks.check_state_is_constant),
    (ChangesStateInPlace, checks.check_state_is_constant),
    (ForgetsABuffer, checks.check_saving_changes_nothing),
    (HasFallingCurves, checks.check_item_curves_are_curves),
]
