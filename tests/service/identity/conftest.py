"""Argon2 at its cheapest, where a test is about something else: ten keys a test would cost a second."""

import pytest
from argon2 import PasswordHasher

from knowtrace.service.identity import hashing


@pytest.fixture(autouse=True)
def cheap_hashes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "hashing" not in request.fixturenames:
        monkeypatch.setattr(hashing, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
