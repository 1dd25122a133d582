"""An AWS Glue job: bring a lake up to date on the session that Glue gives.

Sources and lake are folders that driver and executors see alike: Glue has none of its own, so the job needs a mounted
file system, or one node. Glue knows each argument once, so sources are parted by commas; it adds arguments of its own.
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
    parser.add_argument("--sources", required=True, help="Paths, with commas between.")
    parser.add_argument("--into", type=Path, required=True, help="The folder of the lake.")
    parser.add_argument(
        "--contents", type=Path, help="The table of questions, where it is not beside the answers."
    )
    parser.add_argument("--table-format", choices=("parquet", "delta"), default="parquet")
    parser.add_argument(
        "--landing-workers", type=int, default=2, help="Processes of the driver that land files."
    )
    chosen, _ = parser.parse_known_args(arguments)
    SparkSession.builder.getOrCreate()
    report = build_lake(
        chosen.into,
        [Path(source) for source in chosen.sources.split(",")],
        SourceOptions(contents=chosen.contents),
        BuildOptions(engine="spark", workers=chosen.landing_workers, is_delta=chosen.table_format == "delta"),
    )
    print(orjson.dumps(asdict(report), option=orjson.OPT_INDENT_2).decode())  # noqa: T201 - the log of the job


if __name__ == "__main__":
    main()
