"""Items, answers and outcomes as attention models see them: vectors in, category logits out."""

import torch
from torch import Tensor, nn

from knowtrace.domain import PADDING, UNSEEN
from knowtrace.models.contract import Sizes, TrainingAnswers
from knowtrace.models.layers import (
    ItemTable,
    ItemThresholds,
    category_logits,
    mean_over_skills,
    mean_skill_vector,
    response_credit,
)

COMMON_SCALE = 0.5
"""Standard deviation, at the start, of the part that all vectors share, through which the response is heard at once."""


class ItemVectors(nn.Module):
    """An item is a shared part, the mean of its skills' vectors, and a vector of its own that starts near zero."""

    def __init__(self, sizes: Sizes, width: int) -> None:
        super().__init__()
        self.item = ItemTable(sizes.num_items, width, std=0.01)
        self.skill = _skill_table(sizes, width)
        self.common = nn.Parameter(COMMON_SCALE * torch.randn(width))

    def forward(self, items: Tensor, skills: Tensor) -> Tensor:
        """Return vectors (..., width) of items (...) with skills (..., S)."""
        return self.common + self.item(items) + mean_skill_vector(self.skill.weight, skills)


class RaschVectors(nn.Module):
    """An item is its skills' mean vector, moved along a direction of those skills by one number of its own
    (Ghosh et al., 2020, section 3.3: c + mu * d), and a shared part."""

    def __init__(self, sizes: Sizes, width: int) -> None:
        super().__init__()
        self.difficulty = ItemTable(sizes.num_items, 1, std=0.1)
        self.skill = _skill_table(sizes, width)
        self.direction = _skill_table(sizes, width)
        self.common = nn.Parameter(COMMON_SCALE * torch.randn(width))
        self.common_direction = nn.Parameter(COMMON_SCALE * torch.randn(width))

    def forward(self, items: Tensor, skills: Tensor) -> Tensor:
        """Return vectors (..., width) of items (...) with skills (..., S)."""
        direction = self.common_direction + mean_skill_vector(self.direction.weight, skills)
        return self.common + mean_skill_vector(self.skill.weight, skills) + self.difficulty(items) * direction


class AnswerVectors(nn.Module):
    """An answer is its item's vector, placed by credit into a right and a wrong part."""

    def __init__(self, sizes: Sizes, width: int) -> None:
        super().__init__()
        self.num_categories = sizes.num_categories
        self.right = nn.Linear(width, width)
        self.wrong = nn.Linear(width, width)

    def forward(self, vectors: Tensor, responses: Tensor) -> Tensor:
        """Return answers (..., width) from item vectors (..., width) and responses (...)."""
        credit = response_credit(responses, self.num_categories).unsqueeze(-1)
        return credit * self.right(vectors) + (1 - credit) * self.wrong(vectors)


class Outcome(nn.Module):
    """What is read of the student meets the asked item in a small network; thresholds start at training means."""

    def __init__(self, sizes: Sizes, width: int) -> None:
        super().__init__()
        self.known = nn.Linear(width, width)
        self.asked = nn.Linear(width, width, bias=False)
        self.score = nn.Linear(width, 1)
        self.thresholds = ItemThresholds(sizes.num_items, sizes.num_categories)
        self.skill_threshold = nn.Embedding(sizes.num_skills, 1, padding_idx=PADDING)
        nn.init.zeros_(self.skill_threshold.weight)

    def start_from(self, answers: TrainingAnswers, *, prior_answers: float) -> None:
        self.thresholds.start_from(answers.counts[0], prior_answers=prior_answers)

    def forward(self, known: Tensor, asked: Tensor, items: Tensor, skills: Tensor) -> Tensor:
        """Return logits (..., K) of items (...) with skills (..., S): known and asked (..., width)."""
        score = self.score(torch.relu(self.known(known) + self.asked(asked))).squeeze(-1)
        harder = mean_over_skills(self.skill_threshold(skills).squeeze(-1), skills)
        return category_logits(score - harder, self.thresholds(items))


def _skill_table(sizes: Sizes, width: int) -> nn.Embedding:
    table = nn.Embedding(sizes.num_skills, width, padding_idx=PADDING)
    nn.init.normal_(table.weight, std=0.1)
    with torch.no_grad():
        # No gradient reaches the row of unseen skills: at zero such a skill adds nothing, rather than noise.
        table.weight[[PADDING, UNSEEN]] = 0
    return table
