"""The same plans on DuckDB and on Spark: every value of every table is equal."""

import os
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import DATA

from knowtrace.lake import BuildOptions, build_lake
from lake.lake_rows import all_content, rows_of

os.environ["SPARK_CONF_DIR"] = str(Path(__file__).with_name("spark"))
pyspark = pytest.importorskip("pyspark") if not os.environ.get("CI") else __import__("pyspark")
needs_java = pytest.mark.skipif(
    not os.environ.get("CI") and shutil.which("java") is None and "JAVA_HOME" not in os.environ,
    reason="Spark needs Java: `make services` installs it",
)


@needs_java
@pytest.mark.slow
@pytest.mark.data
@pytest.mark.xdist_group("spark")
def test_spark_and_duckdb_agree_on_every_value(kt1: Path, ednet: Path, tmp_path: Path) -> None:
    """Simulated KT1, KT4's real logs and a table in one lake, in two builds, with rows that break rules.

    The second build brings other questions, a correction, a withdrawal and a skill map.
    """
    header = "timestamp,solving_id,question_id,user_answer,elapsed_time\n"
    (ednet / "u2.csv").write_text(f"{header}1560000000000,1,q1,a,1\n1560000000000,1,q1,a,1\nsoon,1,q9,a,x\n")
    columns = "event_id,student,item,correct,time,withdrawn\n"
    first, second = tmp_path / "day1.csv", tmp_path / "day2.csv"
    first.write_text(f"{columns}e1,s,a,1,1500000000,\ne2,s,b,1,1500000060,\ne3,t,a,0,1500000000,\n")
    second.write_text(f"{columns}e1,s,a,0,1500000009,\ne2,s,,,,true\ne3,t,,,,true\n")
    skill_map = tmp_path / "map.csv"
    reviewed = ",E. Xample,2026-11-21,\n"
    skill_map.write_text(
        "tag,skill,name,topic,reviewed_by,reviewed_on,note\n"
        f"11,parts,Parts,Grammar{reviewed}12,parts,,{reviewed}1,one,,{reviewed}"
    )
    for name in ("duckdb", "spark"):
        options = BuildOptions(engine=name, workers=1)
        build_lake(tmp_path / name, [kt1, DATA / "ednet", first], options=options)
        build_lake(tmp_path / name, [ednet, second], options=replace(options, skill_map=skill_map))
    stages = Counter(row["stage"] for row in rows_of(tmp_path / "duckdb", "silver.quarantine"))
    assert stages == {"candidate": 1, "merge": 1, "correction": 3}
    ours, sparks = all_content(tmp_path / "duckdb"), all_content(tmp_path / "spark")
    assert [name for name in ours if ours[name] != sparks[name]] == []
    assert len(ours["gold.wdirt_features"]) == 40 * 25 + 2443 + 4 + 1
