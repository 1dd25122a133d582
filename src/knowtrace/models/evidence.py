"""All that is known before an answer, as one row of numbers: statistics of the asked item and the student's past."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from knowtrace.models import running_features as running
from knowtrace.models.contract import Answer, Asked, Batch, Sizes, TrainingAnswers
from knowtrace.models.item_statistics import NUM_STATISTICS, ItemStatistics
from knowtrace.models.layers import response_credit
from knowtrace.models.running_features import NUM_FEATURES, Sums

NUM_KNOWN = NUM_STATISTICS + NUM_FEATURES


@dataclass(frozen=True)
class Known:
    """known (..., NUM_KNOWN) before answers, the items' thresholds (..., K-1), and where the items stand (...)."""

    known: Tensor
    thresholds: Tensor
    positions: Tensor


@dataclass(frozen=True)
class Observed:
    """Answers with what was known before them: their credit and what the item's mean had led to expect, both (...)."""

    before: Known
    credit: Tensor
    expected: Tensor


class Evidence(nn.Module):
    """Item statistics, which training answers set, and running sums, which are the state."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.statistics = ItemStatistics(sizes)

    def start_from(self, answers: TrainingAnswers) -> None:
        self.statistics.start_from(answers)

    @property
    def state_size(self) -> int:
        return running.state_size(self.sizes.num_skills)

    def of_batch(self, batch: Batch, items: Tensor) -> Observed:
        """Return what was known before each answer (B, T) of a batch whose items may be hidden, and the answers."""
        statistics, thresholds = self.statistics.of_batch(batch, items)
        positions = self.statistics.positions_of(items)
        credit = response_credit(batch.responses, self.sizes.num_categories)
        expected = statistics[..., -1].sigmoid()
        slots = running.slots_of(batch.skills, self.sizes.num_skills)
        past = running.pasts(batch, credit, expected, positions, slots)
        known = torch.cat([statistics, running.features(past, slots, positions, batch.lags)], dim=-1)
        return Observed(Known(known, thresholds, positions), credit, expected)

    def of_asked(self, state: Tensor, asked: Asked) -> Known:
        """Return what is known of each asked item (B, N) at a state (B, state_size)."""
        statistics, thresholds = self.statistics(asked.items)
        positions = self.statistics.positions_of(asked.items)
        slots = running.slots_of(asked.skills, self.sizes.num_skills)
        lags = asked.lags.unsqueeze(1).expand(-1, asked.items.shape[1])
        past = Sums(state, self.sizes.num_skills).past(slots)
        known = torch.cat([statistics, running.features(past, slots, positions, lags)], dim=-1)
        return Known(known, thresholds, positions)

    def observe(self, state: Tensor, answer: Answer) -> tuple[Observed, Tensor]:
        """Return what was known before one answer each (B,), the answers, and the state after them."""
        before = self.of_asked(
            state, Asked(answer.items.unsqueeze(1), answer.skills.unsqueeze(1), answer.lags)
        )
        known, positions = before.known.squeeze(1), before.positions.squeeze(1)
        credit = response_credit(answer.responses, self.sizes.num_categories)
        expected = known[:, NUM_STATISTICS - 1].sigmoid()
        slots = running.slots_of(answer.skills, self.sizes.num_skills)
        after = Sums(state, self.sizes.num_skills).after(answer, credit, expected, positions, slots)
        return Observed(Known(known, before.thresholds.squeeze(1), positions), credit, expected), after
