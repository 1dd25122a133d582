"""A command as a person types it."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from knowtrace import cli


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    error: str


Knowtrace = Callable[..., Said]


@pytest.fixture
def knowtrace(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Knowtrace:
    """Run one command and return its exit code and what it printed."""

    def run(*arguments: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["knowtrace", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "200")
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return Said(int(ended.value.code or 0), printed.out, printed.err)

    return run
