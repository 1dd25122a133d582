"""All that is known before an answer, as one row of numbers: statistics of the asked item and the student's past."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from knowtrace.models import running_sums as running
from knowtrace.models.contract import Answer, Asked, Batch, Sizes, TrainingAnswers
from knowtrace.models.item_statistics import NUM_STATISTICS, ItemStatistics
from knowtrace.models.layers import response_credit
from knowtrace.models.running_features import NUM_FEATURES, features
from knowtrace.models.running_sums import Past, Sums

NUM_KNOWN = NUM_STATISTICS + NUM_FEATURES


@dataclass(frozen=True)
class Known:
    """known (..., NUM_KNOWN) before answers, whose first columns are the items' statistics; the items' thresholds
    (..., K-1) and where they stand (..., 1); the sums that the rest was read off, and the slots (..., S) of the skills.
    """

    known: Tensor
    statistics: Tensor
    thresholds: Tensor
    positions: Tensor
    past: Past
    slots: Tensor


@dataclass(frozen=True)
class Observed:
    """Answers with what was known before them: their credit, and how far it lies above what the item's mean had led to
    expect, both (..., 1)."""

    before: Known
    credit: Tensor
    surprise: Tensor


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
        credit, surprise = self._judged(batch.responses, statistics)
        slots = running.slots_of(batch.skills, self.sizes.num_skills)
        past = running.pasts(batch, slots, credit=credit, surprise=surprise, positions=positions)
        seen = features(past, slots, positions, batch.lags.unsqueeze(-1))
        known = torch.cat([statistics, seen], dim=-1)
        return Observed(Known(known, statistics, thresholds, positions, past, slots), credit, surprise)

    def of_asked(self, state: Tensor, asked: Asked) -> Known:
        """Return what is known of each asked item (B, N) at a state (B, 1, state_size)."""
        sums = Sums(state, self.sizes.num_skills)
        return self._known(sums, asked.items, asked.skills, asked.lags.view(-1, 1, 1))

    def observe(self, state: Tensor, answer: Answer) -> tuple[Observed, Tensor]:
        """Return what was known at a state (B, state_size) before one answer each, the answers, and the state after."""
        sums = Sums(state, self.sizes.num_skills)
        lags = answer.lags.unsqueeze(-1)
        before = self._known(sums, answer.items, answer.skills, lags)
        credit, surprise = self._judged(answer.responses, before.statistics)
        after = sums.after(
            before.past,
            before.slots,
            credit=credit,
            surprise=surprise,
            positions=before.positions,
            lags=lags,
            elapsed=answer.elapsed.unsqueeze(-1),
        )
        return Observed(before, credit, surprise), after

    def _known(self, sums: Sums, items: Tensor, skills: Tensor, lags: Tensor) -> Known:
        """Return what is known of items (...) with skills (..., S) asked after lags (..., 1)."""
        statistics, thresholds = self.statistics(items)
        positions = self.statistics.positions_of(items)
        slots = running.slots_of(skills, self.sizes.num_skills)
        past = sums.past(slots)
        known = torch.cat([statistics, features(past, slots, positions, lags)], dim=-1)
        return Known(known, statistics, thresholds, positions, past, slots)

    def _judged(self, responses: Tensor, statistics: Tensor) -> tuple[Tensor, Tensor]:
        """Return the credit (..., 1) of responses (...), and the surprise by statistics (..., NUM_STATISTICS)."""
        credit = response_credit(responses, self.sizes.num_categories).unsqueeze(-1)
        return credit, credit - statistics[..., -1:].sigmoid()
