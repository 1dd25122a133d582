"""Items, answers and outcomes as networks with a vector per item see them: vectors in, category logits out."""

import torch
from torch import Tensor, nn

from knowtrace.domain import PADDING, UNSEEN
from knowtrace.models.contract import Sizes
from knowtrace.models.item_statistics import NUM_STATISTICS
from knowtrace.models.layers import (
    ItemTable,
    category_logits,
    mean_over_skills,
    mean_skill_vector,
    response_credit,
)

COMMON_SCALE = 0.5
"""Standard deviation, at the start, of the part that all vectors share, through which the response is heard at once;
in dkt 0.1 was 0.008 of validation AUC below 0.3 (`docs/log.md`)."""


class ItemVectors(nn.Module):
    """An item is a shared part, the mean of its skills' vectors, and a vector of its own.

    Its own starts near zero: best left near its skills until it has answers of its own.
    """

    def __init__(self, sizes: Sizes, width: int) -> None:
        super().__init__()
        self.item = ItemTable(sizes.num_items, width, std=0.01)
        self.skill = _skill_table(sizes, width)
        self.common = nn.Parameter(COMMON_SCALE * torch.randn(width))

    def forward(self, items: Tensor, skills: Tensor) -> Tensor:
        """Return vectors (..., width) of items (...) with skills (..., S)."""
        return self.common + self.item(items) + mean_skill_vector(self.skill.weight, skills)


class RaschVectors(nn.Module):
    """An item is its skills' mean vector, moved along a direction of those skills by its difficulty, and a shared part
    (Ghosh et al., 2020, section 3.3: c + mu * d).

    Difficulty is not learnt here but read off training answers, as is what `ItemStatistics` tells beside it, which adds
    a vector of its own.
    """

    def __init__(self, sizes: Sizes, width: int) -> None:
        super().__init__()
        self.skill = _skill_table(sizes, width)
        self.direction = _skill_table(sizes, width)
        self.common = nn.Parameter(COMMON_SCALE * torch.randn(width))
        self.told = nn.Linear(NUM_STATISTICS, width)

    def forward(self, statistics: Tensor, skills: Tensor) -> Tensor:
        """Return vectors (..., width) from statistics (..., NUM_STATISTICS) of items with skills (..., S)."""
        difficulty = statistics[..., -1:]
        of_skills = mean_skill_vector(self.skill.weight, skills)
        moved = difficulty * mean_skill_vector(self.direction.weight, skills)
        return self.common + of_skills + moved + self.told(statistics)


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
    """What is read of the student meets the asked item in a small network."""

    def __init__(self, sizes: Sizes, width: int) -> None:
        super().__init__()
        self.known = nn.Linear(width, width)
        self.asked = nn.Linear(width, width, bias=False)
        self.score = nn.Linear(width, 1)
        self.skill_threshold = nn.Embedding(sizes.num_skills, 1, padding_idx=PADDING)
        nn.init.zeros_(self.skill_threshold.weight)

    def forward(self, known: Tensor, asked: Tensor, thresholds: Tensor, skills: Tensor) -> Tensor:
        """Return logits (..., K) from known and asked (..., width), thresholds (..., K-1) and skills (..., S)."""
        score = self.score(torch.relu(self.known(known) + self.asked(asked))).squeeze(-1)
        harder = mean_over_skills(self.skill_threshold(skills).squeeze(-1), skills)
        return category_logits(score - harder, thresholds)


def _skill_table(sizes: Sizes, width: int) -> nn.Embedding:
    table = nn.Embedding(sizes.num_skills, width, padding_idx=PADDING)
    nn.init.normal_(table.weight, std=0.1)
    with torch.no_grad():
        # No gradient reaches the row of unseen skills: at zero such a skill adds nothing, rather than noise.
        table.weight[[PADDING, UNSEEN]] = 0
    return table
