"""A student's abilities as a normal distribution that each answer narrows: assumed density filtering (Minka, 2001).

A student has an overall ability and one per skill. Given the overall ability those of the skills are independent,
which an answer to an item of one skill keeps exactly; after an item of several skills it is an approximation. So the
distribution is a mean, a variance and a covariance with the overall ability per skill; column 0 is the overall one.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from knowtrace.domain import PADDING
from knowtrace.models.item_posterior import ItemFigures

NUM_NODES = 15
"""Nodes of the Gauss-Hermite rule over an ability, in its own standard deviations."""

_RULE = np.polynomial.hermite_e.hermegauss(NUM_NODES)
_NODES: list[float] = _RULE[0].tolist()
_LOG_WEIGHTS: list[float] = np.log(_RULE[1] / _RULE[1].sum()).tolist()


class Abilities(NamedTuple):
    """mean, variance, and covariance with the overall ability, each (B, S); in logits."""

    mean: Tensor
    variance: Tensor
    covariance: Tensor


class Growth(NamedTuple):
    """What an answer does to the ability in its skill: it goes a share `rate` of the way to `level` above the overall
    ability, and `noise` is added to its variance."""

    rate: Tensor
    level: Tensor
    noise: Tensor


def shares_of(slots: Tensor) -> Tensor:
    """Return the share of each skill of slots (..., W) in its item: equal, none for padding; an item without skills
    measures the overall ability, which padding stands for."""
    present = slots.ne(PADDING).to(torch.get_default_dtype())
    count = present.sum(-1, keepdim=True)
    alone = F.one_hot(torch.zeros_like(slots[..., 0]), slots.shape[-1]).to(present)
    return torch.where(count > 0, present / count.clamp(min=1), alone)


def on_items(abilities: Abilities, slots: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and variance (B, N) of the abilities that items with skill slots (B, N, W) measure."""
    shares = shares_of(slots)
    mean, variance, covariance = (
        values.gather(1, slots.flatten(1)).view_as(slots) for values in abilities
    )  # (B, N, W)
    overall = abilities.variance[:, :1]
    apart = (variance - covariance.square() / overall.unsqueeze(-1)) * shares.square()
    return (shares * mean).sum(-1), (shares * covariance).sum(-1).square() / overall + apart.sum(-1)


def log_likelihoods(mean: Tensor, variance: Tensor, items: ItemFigures) -> tuple[Tensor, Tensor]:
    """Return log probabilities (..., J, K) of the categories at each node of the distance from ability to item, and
    that distance's variance (...), which holds what is not known of the item's location."""
    nodes, _ = _rule(mean)
    variance = variance + items.location_variance
    distance = (mean - items.location).unsqueeze(-1) + variance.sqrt().unsqueeze(-1) * nodes  # (..., J)
    above = distance[..., None, :, None] - items.offsets.unsqueeze(-2)  # (..., P, J, K-1)
    logits = F.pad((items.discrimination[..., None, None] * above).cumsum(-1), (1, 0))
    log_likely = logits.log_softmax(-1)
    num_points = log_likely.shape[-3]
    return log_likely.logsumexp(-3) - float(np.log(num_points)), variance


def predicted(log_likely: Tensor) -> Tensor:
    """Return log probabilities (..., K), averaged over the nodes of (..., J, K)."""
    _, log_weights = _rule(log_likely)
    return (log_likely + log_weights.unsqueeze(-1)).logsumexp(-2)


def after_answer(
    abilities: Abilities,
    slots: Tensor,
    log_likely: Tensor,
    variance: Tensor,
    responses: Tensor,
    growth: Growth,
) -> Abilities:
    """Return the abilities after one answer each.

    slots (B, W) of its item; log_likely (B, J, K) and variance (B,) from `log_likelihoods`; responses (B,). The first
    two moments after the answer are those of the quadrature; all abilities follow by their covariance.
    """
    nodes, log_weights = _rule(log_likely)
    chosen = log_likely.gather(-1, responses.view(-1, 1, 1).expand(-1, NUM_NODES, 1)).squeeze(-1)  # (B, J)
    weights = (log_weights + chosen).softmax(-1)
    shift = (weights * nodes).sum(-1)
    narrowed = 1 - ((weights * nodes.square()).sum(-1) - shift.square())
    scale = variance.sqrt()
    shift, narrowed = (shift / scale).unsqueeze(1), (narrowed / variance).unsqueeze(1)  # (B, 1)

    shares = shares_of(slots)
    mean, spread, with_overall = abilities
    overall = spread[:, :1]
    touched = torch.zeros_like(mean).scatter_add(1, slots, shares)  # (B, S)
    through_overall = (shares * with_overall.gather(1, slots)).sum(-1, keepdim=True) / overall
    toward = with_overall * through_overall + touched * (spread - with_overall.square() / overall)
    mean = mean + toward * shift
    spread = spread - toward.square() * narrowed
    with_overall = with_overall - toward * toward[:, :1] * narrowed
    return _grown(Abilities(mean, spread, with_overall), touched, growth)


def _grown(abilities: Abilities, touched: Tensor, growth: Growth) -> Abilities:
    mean, variance, covariance = abilities
    is_skill = torch.arange(mean.shape[1], device=mean.device).ne(PADDING)
    answered = (touched.gt(0) & is_skill).to(mean.dtype)
    rate = growth.rate * answered
    kept = 1 - rate
    overall = variance[:, :1]
    return Abilities(
        kept * mean + rate * (mean[:, :1] + growth.level),
        kept.square() * variance
        + rate.square() * overall
        + 2 * rate * kept * covariance
        + growth.noise * answered,
        kept * covariance + rate * overall,
    )


def _rule(like: Tensor) -> tuple[Tensor, Tensor]:
    """Return nodes (J,) and log weights (J,) of the standard normal distribution."""
    return like.new_tensor(_NODES), like.new_tensor(_LOG_WEIGHTS)
