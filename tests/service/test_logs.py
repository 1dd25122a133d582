"""Logs are JSON and name no student."""

import logging
import sys
from collections.abc import Iterator

import httpx
import orjson
import pytest
import structlog

from knowtrace.outbound import Allowed, post
from knowtrace.service.logs import Pseudonyms, configure_logging
from knowtrace.settings import LogLevel


@pytest.fixture
def logging_put_back() -> Iterator[None]:
    """Put the process's own logging back after a test that configures it."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    ours = structlog.get_config()
    libraries = {name: logging.getLogger(name).level for name in ("alembic", "httpx", "httpcore")}
    yield
    root.handlers, root.level = handlers, level
    for name, was in libraries.items():
        logging.getLogger(name).setLevel(was)
    structlog.reset_defaults()
    structlog.configure(**ours)


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


@pytest.mark.usefixtures("logging_put_back")
def test_every_modules_own_logger_follows_what_is_configured_later(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As in the service, which configures its log after everything is imported."""
    loggers = [
        (name, vars(module)["log"])
        for name, module in sorted(sys.modules.items())
        if name.startswith("knowtrace.") and "log" in vars(module)
    ]
    configure_logging("info")
    for _, log in loggers:
        try:
            int("anna said so")
        except ValueError:
            log.exception("It failed")
    lines = [orjson.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == len(loggers) > 10
    for (name, _), line in zip(loggers, lines, strict=True):
        assert (line["message"], line["level"], line["error"]) == ("It failed", "error", "ValueError"), name
        assert line["logger"].startswith("knowtrace."), name
        assert "anna" not in str(line), name


@pytest.mark.parametrize("level", ["debug", "info"])
@pytest.mark.usefixtures("logging_put_back")
async def test_the_url_of_a_webhook_is_not_logged(
    level: LogLevel, capsys: pytest.CaptureFixture[str]
) -> None:
    async def public(_host: str, _port: int) -> list[str]:
        return ["93.184.216.34"]

    configure_logging(level)
    transport = httpx.MockTransport(lambda _: httpx.Response(204))
    async with httpx.AsyncClient(transport=transport) as client:
        url = "https://hook.example/services/T0/s3cret?sig=abc"
        await post(client, Allowed(["hook.example"]), url, b"{}", key=b"k", at=1, resolve=public)
    logging.getLogger("elsewhere").warning("This is written")
    written = capsys.readouterr().out
    assert "This is written" in written
    assert "s3cret" not in written
