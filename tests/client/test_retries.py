"""Both clients against a server that drops, delays and lies."""

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from client.conftest import Clock
from client.hostile import DROP, HostileServer, response
from knowtrace.client import (
    ApiError,
    Attempt,
    Client,
    Event,
    NoAnswerError,
    NotFoundError,
    Retries,
    ServerFaultError,
    TooManyRequestsError,
    UnavailableError,
    UnreadableAnswerError,
)

Connect = Callable[..., Any]
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
STORED = json.dumps(
    {
        "student_id": "anna",
        "event_id": "e1",
        "status": "duplicate",
        "reason": None,
        "mastery": [],
        "notes": [],
        "model_version": "m-1",
        "degraded": False,
        "a_field_of_tomorrow": 1,
    }
).encode()
GOOD = response("200 OK", STORED)
PROBLEM = {
    "type": "urn:knowtrace:problem:unavailable",
    "title": "Unavailable",
    "status": 503,
    "detail": "The writer is full.",
    "instance": "/api/v1/events",
    "request_id": "r-7",
}
BUSY = response("503 Service Unavailable", json.dumps(PROBLEM).encode(), Retry_After="2")


def event() -> Event:
    return Event(student_id="anna", item_id="i1", answered_at=NOON, correct=True)


def bodies(server: HostileServer) -> list[Any]:
    return [json.loads(request.partition(b"\r\n\r\n")[2]) for request in server.requests]


def test_a_dropped_connection_is_tried_again_with_the_same_event(connect: Connect, clock: Clock) -> None:
    with HostileServer([DROP, DROP, GOOD]) as server:
        assert connect(server.url).send_event(event()).status == "duplicate"
        sent = bodies(server)
    assert len(sent) == 3
    assert sent[0] == sent[1] == sent[2]
    assert len(clock.sleeps) == 2


def test_an_answer_cut_in_half_is_tried_again(connect: Connect) -> None:
    with HostileServer([GOOD[:-20], GOOD]) as server:
        assert connect(server.url).send_event(event()).model_version == "m-1"


@pytest.mark.parametrize("status", ["429 Too Many Requests", "502 Bad Gateway", "503 Busy", "504 Late"])
def test_not_now_is_tried_again(connect: Connect, clock: Clock, status: str) -> None:
    with HostileServer([response(status), GOOD]) as server:
        assert connect(server.url).send_event(event()).status == "duplicate"
    assert 0 <= clock.sleeps[0] <= 0.2


@pytest.mark.parametrize(
    "status", ["400 Bad Request", "404 Not Found", "409 Conflict", "500 Oops", "302 Found"]
)
def test_a_no_is_not_asked_again(connect: Connect, clock: Clock, status: str) -> None:
    with HostileServer([response(status, Location="/elsewhere"), GOOD]) as server:
        with pytest.raises(ApiError) as refused:
            connect(server.url).send_event(event())
        assert len(server.requests) == 1
    assert refused.value.status == int(status[:3])
    assert clock.sleeps == []


def test_retry_after_is_waited_for_and_jitter_after_it(connect: Connect, clock: Clock) -> None:
    with HostileServer([BUSY, BUSY, GOOD]) as server:
        connect(server.url).send_event(event())
    assert 2 <= clock.sleeps[0] <= 2.2
    assert 2 <= clock.sleeps[1] <= 2.4
    assert len(set(clock.sleeps)) == 2


def test_at_last_the_services_own_words_are_raised(connect: Connect) -> None:
    with HostileServer([BUSY]) as server:
        with pytest.raises(UnavailableError) as refused:
            connect(server.url).send_event(event())
        assert len(server.requests) == 5
    error = refused.value
    assert (error.status, error.title, error.detail) == (503, "Unavailable", "The writer is full.")
    assert error.request_id == "r-7"
    assert error.errors == ()


def test_a_wait_that_outlasts_the_patience_is_not_begun(connect: Connect, clock: Clock) -> None:
    with HostileServer([response("429 Slow", Retry_After="3600")]) as server:
        with pytest.raises(TooManyRequestsError):
            connect(server.url).send_event(event())
        assert len(server.requests) == 1
    assert clock.sleeps == []


def test_a_server_that_is_not_there_says_so_after_every_try(connect: Connect, clock: Clock) -> None:
    with HostileServer([]) as server:
        url = server.url
    with pytest.raises(NoAnswerError, match=r"no answer in 5 tries.*sending them again is safe"):
        connect(url).send_event(event())
    assert len(clock.sleeps) == 4


@pytest.mark.parametrize("body", [b"<html>Welcome to the hotel</html>", b"", b"null", b"{}", b"\xff\xfe"])
def test_a_200_that_is_no_answer_of_the_service_is_said_to_be_none(
    connect: Connect, clock: Clock, body: bytes
) -> None:
    with HostileServer([response("200 OK", body, X_Request_ID="r-8"), GOOD]) as server:
        with pytest.raises(UnreadableAnswerError, match="is not the SingleEventResult") as unread:
            connect(server.url).send_event(event())
        assert len(server.requests) == 1
    assert (unread.value.status, unread.value.request_id) == (200, "r-8")
    assert clock.sleeps == []


@pytest.mark.parametrize(
    "body",
    [
        b"<html>nginx</html>",
        b"[" * 100_000,
        b'{"errors": 5, "title": 7}',
        b'{"errors": [1, {"loc": 3}, {"loc": ["body", 2, null]}]}',
        b"\xff",
    ],
)
def test_an_error_that_is_no_problem_document_is_an_error_still(connect: Connect, body: bytes) -> None:
    with (
        HostileServer([response("500 Internal Server Error", body)]) as server,
        pytest.raises(ServerFaultError, match="no problem document") as fault,
    ):
        connect(server.url).send_event(event())
    assert fault.value.status == 500
    assert len(str(fault.value)) < 1_000


def test_the_key_goes_with_every_try_and_nowhere_else(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with HostileServer([DROP, response("404 Not Found")]) as server:
        client = connect(server.url, api_key="kt_secret")
        with pytest.raises(NotFoundError) as refused:
            client.mastery("anna")
        heads = [request.lower() for request in server.requests]
    assert len(heads) == 2
    assert all(b"\r\nauthorization: bearer kt_secret\r\n" in head for head in heads)
    assert "kt_secret" not in str(refused.value) + repr(client) + caplog.text


def test_without_a_key_no_key_is_sent(connect: Connect) -> None:
    with HostileServer([GOOD]) as server:
        connect(server.url).send_event(event())
        assert b"authorization" not in server.requests[0].lower()


def test_a_path_before_the_services_own_is_kept(connect: Connect) -> None:
    with HostileServer([GOOD]) as server:
        connect(f"{server.url}/kt/").send_event(event())
        assert server.requests[0].startswith(b"POST /kt/api/v1/events ")


def test_time_without_an_answer_ends(clock: Clock) -> None:
    """A real wait of 0.2 s: the server takes the connection and says nothing."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        retries = Retries(max_tries=2)
        with (
            Client(url, timeout_seconds=0.1, retries=retries, sleep=clock.sleep) as client,
            pytest.raises(NoAnswerError, match="ReadTimeout"),
        ):
            client.health()


class TestWaits:
    def test_the_most_doubles_up_to_the_longest(self) -> None:
        retries = Retries(max_tries=100, first_wait_seconds=1, longest_wait_seconds=5, random=Random(1))
        for num_tries, most in [(1, 1), (2, 2), (3, 4), (4, 5), (99, 5)]:
            drawn = [retries.wait_after(num_tries, 0, None) for _ in range(500)]
            seconds = [wait for wait in drawn if wait is not None]
            assert len(seconds) == 500
            assert 0 <= min(seconds) < 0.05 * most
            assert 0.95 * most < max(seconds) <= most

    def test_the_same_seed_waits_the_same(self) -> None:
        one, other = Retries(random=Random(9)), Retries(random=Random(9))
        assert one.wait_after(2, 0, None) == other.wait_after(2, 0, None)

    @pytest.mark.parametrize(
        ("header", "seconds"),
        [
            ("3", 3),
            (" 3 ", 3),
            ("Sun, 01 Mar 2026 12:00:07 GMT", 7),
            ("Sun, 01 Mar 2026 11:00:00 GMT", 0),
            ("soon", 0),
            ("-3", 0),
            ("³", 0),
            ("", 0),
            (None, 0),
        ],
    )
    def test_retry_after_is_seconds_or_a_date(self, header: str | None, seconds: float) -> None:
        retries = Retries(first_wait_seconds=0, now=lambda: NOON)
        assert retries.wait_after(1, 0, header) == seconds

    def test_it_gives_up_after_the_last_try_and_at_the_end_of_patience(self) -> None:
        retries = Retries(max_tries=3, first_wait_seconds=0, patience_seconds=10)
        assert retries.wait_after(2, 0, None) == 0
        assert retries.wait_after(3, 0, None) is None
        assert retries.wait_after(1, 10, None) == 0
        assert retries.wait_after(1, 10.1, None) is None
        assert retries.wait_after(1, 0, "9" * 400) is None

    def test_settings_out_of_range_are_refused_all_at_once(self) -> None:
        with pytest.raises(ValueError, match=r"max_tries \(0\).*patience_seconds \(-1\)"):
            Retries(max_tries=0, patience_seconds=-1)


def test_what_cannot_be_sent_is_refused_before_it_is(connect: Connect) -> None:
    with pytest.raises(ValueError, match="must begin with http"):
        connect("localhost:8000")
    with pytest.raises(ValueError, match="timeout_seconds"):
        connect("http://localhost", timeout_seconds=0)
    with pytest.raises(ValueError, match="no time zone"):
        Event(student_id="a", item_id="i", correct=True, answered_at=NOON.replace(tzinfo=None))
    with pytest.raises(ValueError, match="Neither correct nor response"):
        Event(student_id="a", item_id="i", answered_at=NOON)
    with pytest.raises(ValueError, match=r"no time zone.*'algebra'\) is one text"):
        Attempt(item_id="i", correct=True, answered_at=NOON.replace(tzinfo=None), skill_ids="algebra")
    client = connect("http://localhost")
    with pytest.raises(ValueError, match="'item-10'\\) is one text"):
        client.predict("anna", "item-10")
    for number in (0, 1_001):
        with pytest.raises(ValueError, match=f"{number} events"):
            client.send_events([event()] * number)
    with pytest.raises(ValueError, match="An id is empty"):
        client.mastery("")


def test_every_event_has_an_id_of_its_own() -> None:
    assert len({event().event_id for _ in range(1_000)}) == 1_000
    later = Event(
        student_id="a", item_id="i", correct=True, answered_at=NOON + timedelta(days=1), event_id="e"
    )
    assert later.body()["event_id"] == "e"
    assert later.body()["answered_at"] == "2026-03-02T12:00:00+00:00"


def test_the_client_imports_nothing_of_the_service() -> None:
    """A program that only calls should not have to load what only serves."""
    heavy = (
        "fastapi",
        "sqlalchemy",
        "numpy",
        "onnxruntime",
        "torch",
        "knowtrace.domain",
        "knowtrace.service",
    )
    code = f"import sys, knowtrace.client; sys.exit(any(name in sys.modules for name in {heavy}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
