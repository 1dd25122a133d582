"""`knowtrace irt`: item parameters, with what they are worth."""

import math
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.markup import escape
from rich.table import Table

from knowtrace.cli.terminal import names, out, print_json, read_data, say, warn
from knowtrace.errors import DataError


def irt_command(
    path: Annotated[Path, typer.Argument(help="One row per student and a column per item; or any answers.")],
    *,
    model: Annotated[str, typer.Option(help="1pl, 2pl, 3pl, grm, gpcm or sequential.")] = "2pl",
    items: Annotated[
        str | None, typer.Option(help="Item columns of a wide table: a,b,c or patterns 'q*'.")
    ] = None,
    drop: Annotated[str | None, typer.Option(help="Columns that are no items: gender,age.")] = None,
    columns: Annotated[
        str | None, typer.Option(help="Columns of an answers table, as student=user_id,…")
    ] = None,
    min_answers: Annotated[int, typer.Option(min=1, help="Answers an item needs, in an answers table.")] = 1,
    file: Annotated[Path | None, typer.Option("--out", help="Write everything to this JSON file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Estimate item parameters by marginal maximum likelihood, with standard errors, fit and reliability.

    A wide table has one row per student; a column called count or freq says how many students gave that row. Of other
    answers the first of each student to each item counts.

    Example: knowtrace irt shared/data/psychometrics/lsat6.csv --model 2pl
    """
    if columns and (items or drop):
        raise DataError(
            f"--columns ({columns}) is for answers, --items and --drop are for wide tables: give one."
        )
    from knowtrace.psychometrics import empirical_reliability, fit, score  # noqa: PLC0415 - scipy, when needed

    matrix = _matrix(path, items, drop, columns, min_answers)
    calibration = fit(matrix, model)  # pyright: ignore[reportArgumentType] - `fit` names the models it knows
    kept = matrix.columns([matrix.items.index(item) for item in calibration.parameters.items])
    scores = score(calibration.parameters, kept.responses, grid=calibration.grid)
    reliability = empirical_reliability(scores, kept.counts)
    content = {"data": path.name, **_content(calibration, reliability)}
    if file is not None:
        file.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")
        say(f"{file}: parameters of {len(calibration.parameters.items):,} items.")
    for item, reason in calibration.left_out.items():
        warn(f"{item} is left out: {reason}.")
    for item, reason in calibration.flagged.items():
        warn(f"{item}: {reason}.")
    for note in calibration.notes:
        warn(note)
    if as_json:
        print_json(content)
    else:
        _show(content)


def _matrix(path: Path, items: str | None, drop: str | None, columns: str | None, min_answers: int) -> Any:
    from knowtrace.psychometrics import first_answers, response_matrix  # noqa: PLC0415 - scipy, when needed
    from knowtrace.sources.wide_table import is_wide_table, read_wide_table  # noqa: PLC0415

    if columns is None and (items or drop or is_wide_table(path)):
        table = read_wide_table(path, items=names(items), drop=names(drop))
        return response_matrix(table.values, items=table.items, students=table.students, counts=table.counts)
    return first_answers(read_data(path, columns).students, min_answers=min_answers)


def _content(calibration: Any, reliability: float) -> dict[str, Any]:
    parameters, errors = calibration.parameters, calibration.errors
    rows: list[dict[str, Any]] = []
    for i, item in enumerate(parameters.items):
        steps = int(parameters.num_categories[i]) - 1
        rows.append(
            {
                "item": item,
                "slope": _number(parameters.slope[i]),
                "slope_error": _number(errors.slope[i]),
                "intercepts": [_number(v) for v in parameters.intercepts[i, :steps]],
                "intercept_errors": [_number(v) for v in errors.intercepts[i, :steps]],
                "difficulties": [_number(v) for v in parameters.difficulties[i, :steps]],
                "difficulty_errors": [_number(v) for v in errors.difficulties[i, :steps]],
                "guessing": _number(parameters.guessing[i]),
                "guessing_error": _number(errors.guessing[i]),
                "labels": list(calibration.labels[i]),
            }
        )
    return {
        "model": calibration.model,
        "num_students": calibration.num_students,
        "num_items": len(rows),
        "log_likelihood": calibration.log_likelihood,
        "num_parameters": calibration.num_parameters,
        "aic": calibration.aic,
        "bic": calibration.bic,
        "reliability": _number(reliability),
        "converged": calibration.converged,
        "items": rows,
        "left_out": calibration.left_out,
        "flagged": calibration.flagged,
        "notes": list(calibration.notes),
    }


def _number(value: float) -> float | None:
    """Return a number that JSON has; None for one that is not known."""
    return float(value) if math.isfinite(value) else None


def _show(content: dict[str, Any]) -> None:
    most = max(len(row["intercepts"]) for row in content["items"])
    is_guessed = content["model"] == "3pl"
    table = Table("item", "slope a", box=None, pad_edge=False)
    for letter in ("d", "b"):
        for k in range(most):
            table.add_column(f"{letter}{k + 1 if most > 1 else ''}", justify="right")
    if is_guessed:
        table.add_column("guessing g", justify="right")
    for row in content["items"]:
        cells = [_with_error(row["slope"], row["slope_error"])]
        for name in ("intercept", "difficulty"):
            values = row[f"{name}s" if name == "intercept" else "difficulties"]
            shown = [_with_error(v, e) for v, e in zip(values, row[f"{name}_errors"], strict=True)]
            cells += shown + [""] * (most - len(shown))
        if is_guessed:
            cells.append(_with_error(row["guessing"], row["guessing_error"]))
        table.add_row(escape(row["item"]), *cells)
    out.print(
        f"{escape(content['data'])}: {content['model']}, {content['num_students']:,.0f} students, "
        f"{content['num_items']:,} items (standard errors in brackets)",
        soft_wrap=True,
        highlight=False,
    )
    out.print(table)
    reliability = content["reliability"]
    out.print(
        f"log-likelihood {content['log_likelihood']:.3f}, {content['num_parameters']} parameters, "
        f"AIC {content['aic']:.3f}, BIC {content['bic']:.3f}; reliability of EAP scores "
        f"{'unknown' if reliability is None else f'{reliability:.3f}'}",
        soft_wrap=True,
        highlight=False,
    )


def _with_error(value: float | None, error: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if error is None else f"{value:.3f} ({error:.3f})"
