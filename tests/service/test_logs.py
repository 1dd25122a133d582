"""Logs are JSON and name no student."""

import logging
from collections.abc import Iterator

import orjson
import pytest
import structlog

from knowtrace.service.logs import Pseudonyms, configure_logging


@pytest.fixture
def logging_put_back() -> Iterator[None]:
    """Put the process's own logging back after a test that configures it."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def test_a_pseudonym_depends_on_the_key_and_the_student() -> None:
    ours = Pseudonyms("key")
    assert ours.of("anna") == Pseudonyms("key").of("anna")
    assert len({ours.of("anna"), ours.of("ben"), Pseudonyms("other").of("anna")}) == 3


@pytest.mark.usefixtures("logging_put_back")
def test_an_exception_is_logged_by_type_and_place_alone(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info")
    try:
        int("anna said so")
    except ValueError:
        logging.getLogger("elsewhere").exception("It failed")
    line = orjson.loads(capsys.readouterr().out)
    assert (line["message"], line["logger"], line["level"], line["error"]) == (
        "It failed",
        "elsewhere",
        "error",
        "ValueError",
    )
    assert "test_logs.py" in line["error_at"][0]
    assert "anna" not in str(line)
