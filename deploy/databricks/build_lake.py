"""A Databricks job task: bring a lake up to date on the session that the cluster gives.

Sources and lake are paths that every node sees, as /Volumes/catalog/schema/volume/…
"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import orjson
from pyspark.sql import SparkSession

from knowtrace.lake import BuildOptions, SourceOptions, build_lake


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--source", type=Path, action="append", required=True, help="Give it again for more.")
    parser.add_argument("--into", type=Path, required=True, help="The folder of the lake.")
    parser.add_argument(
        "--contents", type=Path, help="The table of questions, where it is not beside the answers."
    )
    parser.add_argument("--format", choices=("parquet", "delta"), default="delta")
    parser.add_argument("--workers", type=int, default=2, help="Processes of the driver that land files.")
    chosen = parser.parse_args(arguments)
    SparkSession.builder.getOrCreate()
    report = build_lake(
        chosen.into,
        chosen.source,
        SourceOptions(contents=chosen.contents),
        BuildOptions(engine="spark", workers=chosen.workers, is_delta=chosen.format == "delta"),
    )
    print(orjson.dumps(asdict(report), option=orjson.OPT_INDENT_2).decode())  # noqa: T201 - the log of the job


if __name__ == "__main__":
    main()
