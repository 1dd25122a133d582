"""Rows of a leaderboard in sum: means over folds, and paired tests between models on the same answers."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from knowtrace.domain import metrics
from knowtrace.evaluation.bootstrap import Estimate
from knowtrace.evaluation.leaderboard import GRADED, HISTORIES, PANEL, PREDICTIONS, SHARES, SUMMARISED, Entry
from knowtrace.evaluation.published import published_for

RESAMPLES = 200
PER_CATEGORY = ("precision", "recall")


def summarise(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a line per data, protocol and model, best AUC first: mean and standard deviation over folds."""
    groups: dict[tuple[str, str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["data"], row["protocol"], row["model"]].append(row)
    lines = [
        {
            "data": data,
            "protocol": protocol,
            "model": model,
            "folds": sorted(row["fold"] for row in group),
            "valid_auc": _mean([row["valid_auc"] for row in group])[0],
            **{
                name: _mean([row[name][0] for row in group])
                for name in (*SUMMARISED, *GRADED)
                if name in group[0]
            },
            **{name: _by_category(group, name) for name in PER_CATEGORY if f"{name}_0" in group[0]},
            **{name: _mean([row.get(name) for row in group])[0] for name in SHARES},
            "auc_interval": group[0]["auc"][1:] if len(group) == 1 else None,
            "auc_twinned": _mean([row["auc_twinned"] for row in group])[0],
            "auc_others": _mean([row["auc_others"] for row in group])[0],
            "parameters": group[0]["parameters"],
            "state_bytes": group[0]["state_bytes"],
            "train_seconds": _mean([row["train_seconds"] for row in group])[0],
            "microseconds": group[0]["microseconds"],
        }
        for (data, protocol, model), group in groups.items()
    ]
    return sorted(lines, key=lambda line: (line["data"], line["protocol"], -line["auc"][0]))


def compare(rows: Sequence[Mapping[str, Any]], board: Path) -> list[dict[str, Any]]:
    """Return, for each data and protocol, how far each model stays behind the best in AUC, with a paired interval.

    Students are drawn anew, the same ones for both models and, where folds share a test part, for all folds.
    """
    found: list[dict[str, Any]] = []
    for data, protocol in sorted({(row["data"], row["protocol"]) for row in rows}):
        here = [line for line in summarise(rows) if (line["data"], line["protocol"]) == (data, protocol)]
        best = here[0]
        for line in here[1:]:
            folds = [fold for fold in line["folds"] if fold in best["folds"]]
            pairs = [
                tuple(
                    _predictions(Entry(data=data, protocol=protocol, model=m, fold=fold), board)
                    for m in (best["model"], line["model"])
                )
                for fold in folds
            ]
            difference = paired_difference(pairs, rng=np.random.default_rng(0))
            found.append(
                {
                    "data": data,
                    "protocol": protocol,
                    "best": best["model"],
                    "model": line["model"],
                    "behind_by": [difference.value, difference.low, difference.high],
                }
            )
    return found


Predictions = Mapping[str, NDArray[Any]]


def paired_difference(
    pairs: Sequence[tuple[Predictions, ...]], *, rng: np.random.Generator, resamples: int = RESAMPLES
) -> Estimate:
    """Return the mean AUC of the first of each pair less that of the second, with a 95 % bootstrap interval.

    Each of a pair holds probabilities (M, K), responses (M,) and owners (M,) of the same answers.
    """
    value = float(np.mean([_auc(first, None) - _auc(second, None) for first, second in pairs]))
    draws: list[float] = []
    for _ in range(resamples):
        seed = int(rng.integers(2**32))
        differences: list[float] = []
        for first, second in pairs:
            num_students = int(first["owners"].max()) + 1
            drawn = np.random.default_rng(seed).integers(num_students, size=num_students)
            weights = np.bincount(drawn, minlength=num_students)[first["owners"]].astype(np.float64)
            differences.append(_auc(first, weights) - _auc(second, weights))
        draws.append(float(np.mean(differences)))
    low, high = np.percentile(draws, [2.5, 97.5])
    return Estimate(value, float(low), float(high))


def page(lines: Sequence[Mapping[str, Any]], compared: Sequence[Mapping[str, Any]], *, command: str) -> str:
    """Return a leaderboard as a Markdown page, each data and protocol on its own, published figures beside it."""
    behind = {(c["data"], c["protocol"], c["model"]): c["behind_by"] for c in compared}
    text = [
        "# Leaderboard",
        "",
        f"Made by `{command}`. Test part, every answer but a student's first, mean over folds (sd). `docs/protocol.md` "
        "says what the protocols are. Behind: AUC less than the best row's, paired 95 % interval over students. "
        "Twins: AUC of students who also stand in training, and of the others. us: observe and predict "
        f"{PANEL} items after {' / '.join(f'{length:,}' for length in HISTORIES)} answers. "
        "Of one fold: AUC with its 95 % interval. Simulated data: shares of the gain over the items' means that the "
        "true probabilities make, and that an observer makes who knows all but the students.",
    ]
    for data, protocol in sorted({(line["data"], line["protocol"]) for line in lines}):
        text += ["", f"## {data}, {protocol}", ""]
        here = [line for line in lines if (line["data"], line["protocol"]) == (data, protocol)]
        more = [name for name in (*GRADED, *SHARES) if here[0].get(name) is not None]
        heads = ["model", "AUC", "behind", "accuracy", "NLL", "Brier", "ECE"]
        heads += [name.replace("_", " ") for name in more]
        heads += ["twins / others", "parameters", "state", "s", "us"]
        text += [_cells(heads), "|" + "---|" * len(heads)]
        text += [_cells(_table_row(line, behind.get((data, protocol, line["model"])), more)) for line in here]
        if protocol == "published":
            text += [
                _cells(
                    [f"*{figure.model}*", f"{figure.auc:.4f}", *[""] * (len(heads) - 3), f"*{figure.source}*"]
                )
                for figure in reversed(published_for(data))
            ]
        if PER_CATEGORY[0] in here[0]:
            text += _category_table(here)
    return "\n".join(text) + "\n"


def _category_table(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    heads = ["model", *(str(category) for category in range(len(lines[0][PER_CATEGORY[0]])))]
    text = ["", "Precision / recall of each category, where it is ever predicted:", ""]
    text += [_cells(heads), "|" + "---|" * len(heads)]
    for line in lines:
        pairs = zip(*(line[name] for name in PER_CATEGORY), strict=True)
        shown = (" / ".join("" if value is None else f"{value:.3f}" for value in pair) for pair in pairs)
        text.append(_cells([line["model"], *shown]))
    return text


def _cells(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _table_row(line: Mapping[str, Any], behind: Sequence[float] | None, more: Sequence[str]) -> list[str]:
    spread = f" ({line['auc'][1]:.4f})" if line["auc"][1] is not None else ""
    if line["auc_interval"] is not None:
        spread = " [{:.4f}, {:.4f}]".format(*line["auc_interval"])
    gap = f"{behind[0]:.4f} [{behind[1]:.4f}, {behind[2]:.4f}]" if behind else ""
    twins = " / ".join("" if line[k] is None else f"{line[k]:.3f}" for k in ("auc_twinned", "auc_others"))
    others = [line[name][0] for name in SUMMARISED[1:]]
    others += [line[name] if name in SHARES else line[name][0] for name in more]
    return [
        line["model"],
        f"{line['auc'][0]:.4f}{spread}",
        gap,
        *(f"{value:.4f}" for value in others),
        twins,
        f"{line['parameters']:,}",
        f"{line['state_bytes']:,}",
        f"{line['train_seconds']:.0f}",
        " / ".join(f"{line['microseconds'][str(length)]:.0f}" for length in HISTORIES),
    ]


def _predictions(entry: Entry, board: Path) -> Predictions:
    return load_file(entry.folder(board) / PREDICTIONS)


def _auc(predictions: Predictions, weights: NDArray[np.float64] | None) -> float:
    return metrics.auc(predictions["probabilities"].astype(np.float64), predictions["responses"], weights)


def _by_category(rows: Sequence[Mapping[str, Any]], name: str) -> list[float | None]:
    """Return the mean over folds of a metric of each category; None where no fold has it."""
    found: list[float | None] = []
    while (key := f"{name}_{len(found)}") in rows[0]:
        values = [row[key][0] for row in rows]
        found.append(_mean([None if value is None or np.isnan(value) else value for value in values])[0])
    return found


def _mean(values: Sequence[float | None]) -> tuple[float | None, float | None]:
    known = [value for value in values if value is not None]
    if not known:
        return None, None
    return float(np.mean(known)), float(np.std(known, ddof=1)) if len(known) > 1 else None
