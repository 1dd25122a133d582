"""What is known of each item's parameters: independent normal posteriors under a normal prior that is learnt too.

An item's K figures are its location (mean threshold), the logarithm of its discrimination, and the logarithms of the
K-2 gaps between thresholds. An item without training answers has the prior's distribution, at the place where its
content puts it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from knowtrace.models.contract import Sizes, TrainingAnswers
from knowtrace.models.item_content import ContentShift
from knowtrace.models.layers import starting_thresholds

PRIOR_MEAN = (0.0, 0.0, -0.4)
PRIOR_STD = (1.0, 0.3, 0.5)
"""Where the priors of location, log discrimination and log gaps start."""

INFORMATION = (0.2, 0.1, 0.05)
"""What an answer roughly tells of each, in 1 / variance: where posterior spreads start."""

SMALLEST_GAP = 0.1


@dataclass(frozen=True)
class ItemFigures:
    """Items at P points of their posterior, each as likely: location and its variance (...), discrimination (..., P),
    offsets (..., P, K-1), the rising distances of thresholds from the location. In logits."""

    location: Tensor
    location_variance: Tensor
    discrimination: Tensor
    offsets: Tensor

    def step(self, t: int) -> "ItemFigures":
        """Return the figures of step t of a batch (B, T, ...)."""
        return ItemFigures(
            self.location[:, t], self.location_variance[:, t], self.discrimination[:, t], self.offsets[:, t]
        )


class ItemPosterior(nn.Module):
    """Means and log standard deviations (num_items, K) of every item's figures, and the prior's."""

    answered: Tensor
    points: Tensor

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        num_figures = sizes.num_categories
        self.content = ContentShift()
        self.register_buffer("answered", torch.zeros(sizes.num_items, 1, dtype=torch.bool))
        # Cubature of degree three in d dimensions: 2d points at distance sqrt(d) (Arasaratnam and Haykin, 2009).
        directions = torch.eye(num_figures - 1) * (num_figures - 1) ** 0.5
        self.register_buffer("points", torch.cat([directions, -directions]), persistent=False)  # (P, K-1)
        self.prior_mean = nn.Parameter(_per_figure(PRIOR_MEAN, num_figures))
        self.prior_log_std = nn.Parameter(_per_figure(PRIOR_STD, num_figures).log())
        self.mean = nn.Parameter(self.prior_mean.detach().repeat(sizes.num_items, 1))
        self.log_std = nn.Parameter(self.prior_log_std.detach().repeat(sizes.num_items, 1))

    def start_from(self, answers: TrainingAnswers, *, prior_answers: float) -> None:
        """Start at the item means, the more certain the more answers there are."""
        thresholds, shift = starting_thresholds(answers, prior_answers=prior_answers)
        self.content.keep(shift)
        thresholds = thresholds.sort(-1).values
        num_answers = answers.counts[0].sum(-1, keepdim=True)
        num_figures = self.prior_mean.numel()
        information = num_answers * _per_figure(INFORMATION, num_figures).to(num_answers)
        with torch.no_grad():
            self.answered.copy_(num_answers.gt(0))
            self.mean[:, 0] = thresholds.mean(-1)
            self.mean[:, 2:] = thresholds.diff(dim=-1).clamp(min=SMALLEST_GAP).log()
            self.log_std.copy_(-0.5 * (information + (-2 * self.prior_log_std).exp()).log())

    def drawn(self, items: Tensor) -> ItemFigures:
        """Return items (...) at one point of their posterior, drawn once per item and call: gradients pass."""
        mean, log_std = self._tables()
        drawn = mean + log_std.exp() * torch.randn_like(mean)
        figures = F.embedding(items, drawn)
        location = self._location(items, figures)
        return self._figures(location, torch.zeros_like(location), figures[..., None, 1:])

    def averaged(self, items: Tensor) -> ItemFigures:
        """Return items (...) at the points that stand for their posterior; nothing is drawn."""
        mean, log_std = (F.embedding(items, table) for table in self._tables())
        around = mean[..., None, 1:] + log_std[..., None, 1:].exp() * self.points
        return self._figures(self._location(items, mean), (2 * log_std[..., 0]).exp(), around)

    def divergence(self) -> Tensor:
        """Return the Kullback-Leibler divergence of all answered items' posteriors from the prior, in nats."""
        log_ratio = self.prior_log_std - self.log_std
        distance = (self.mean - self.prior_mean) * (-self.prior_log_std).exp()
        nats = log_ratio + 0.5 * ((-2 * log_ratio).exp() + distance.square() - 1)
        return (nats * self.answered).sum()

    def _location(self, items: Tensor, figures: Tensor) -> Tensor:
        return self.content(items, figures[..., :1]).squeeze(-1)

    def _tables(self) -> tuple[Tensor, Tensor]:
        return (
            torch.where(self.answered, self.mean, self.prior_mean),
            torch.where(self.answered, self.log_std, self.prior_log_std),
        )

    def _figures(self, location: Tensor, variance: Tensor, others: Tensor) -> ItemFigures:
        """others (..., P, K-1): log discrimination and log gaps."""
        offsets = F.pad(others[..., 1:].exp(), (1, 0)).cumsum(-1)  # (..., P, K-1)
        return ItemFigures(location, variance, others[..., 0].exp(), offsets - offsets.mean(-1, keepdim=True))


def _per_figure(values: tuple[float, float, float], num_figures: int) -> Tensor:
    location, discrimination, gap = values
    return torch.tensor([location, discrimination, *[gap] * (num_figures - 2)])
