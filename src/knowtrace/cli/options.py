"""Options that several commands have, each described once."""

from pathlib import Path
from typing import Annotated

import typer

ColumnsOption = Annotated[
    str | None, typer.Option("--columns", help="Columns of a plain CSV, as student=user_id,…")
]
BankOption = Annotated[
    Path | None,
    typer.Option(
        "--bank",
        help="An item bank (.json, .csv, or QTI): what its items say tells of those that nobody answered.",
    ),
]
ContentsOption = Annotated[
    Path | None,
    typer.Option(
        "--contents",
        help="The questions of EdNet or Riiid, or the folder of tables, where they are not beside the answers.",
    ),
]
