"""Small sources for the lake: EdNet's layout, simulated and written by hand."""

from pathlib import Path

import pytest

from knowtrace.lake import build_lake
from knowtrace.sources import SimulationConfig, simulate
from knowtrace.sources.layouts import write_layout

HEADER = "timestamp,solving_id,question_id,user_answer,elapsed_time\n"
QUESTIONS = """question_id,bundle_id,explanation_id,correct_answer,part,tags,deployed_at
q1,b1,e1,a,1,11;12,0
q2,b1,e1,b,1,11,0
q3,b2,e2,c,2,-1,0
"""
DAY = 86_400_000
START = 1_560_000_000_000
"""2019-06-08 13:20 UTC."""


@pytest.fixture(scope="session")
def kt1(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty simulated students in EdNet KT1's layout."""
    folder = tmp_path_factory.mktemp("ednet")
    config = SimulationConfig(num_students=40, num_answers=25, num_items=20, num_skills=5, num_categories=2)
    write_layout(simulate(config, seed=5).dataset, "ednet-kt1", folder)
    return folder


@pytest.fixture(scope="session")
def kt1_lake(kt1: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("lake")
    build_lake(root, [kt1])
    return root


@pytest.fixture
def ednet(tmp_path: Path) -> Path:
    """Three questions and one student, who answers q1 and q2 together and q3 the day after."""
    folder = tmp_path / "KT1"
    folder.mkdir()
    (folder / "questions.csv").write_text(QUESTIONS, encoding="utf-8")
    (folder / "u1.csv").write_text(
        f"{HEADER}{START},1,q1,a,4000\n{START},1,q2,a,61000\n{START + DAY},2,q3,c,\n", encoding="utf-8"
    )
    return folder
