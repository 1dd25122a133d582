"""Fixtures of the sources: the hand-made files, the real data, and a way to write a source."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def golden() -> Path:
    """Return the folder of hand-made files, whose every row is checked by hand."""
    return Path(__file__).parent / "golden"


@pytest.fixture
def source(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes text, or bytes, to a file and returns its path."""

    def write(content: str | bytes, name: str = "answers.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture
def real_data() -> Path:
    """Return the folder of real data; without it the test is skipped, but never on CI."""
    folder = Path(os.environ.get("KNOWTRACE_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir() and not os.environ.get("CI"):
        pytest.skip(f"no real data at {folder}; set KNOWTRACE_DATA")
    return folder
