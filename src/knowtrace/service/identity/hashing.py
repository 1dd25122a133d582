"""argon2 off the event loop: a few at a time, and a bounded number of requests that wait for one."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from knowtrace.errors import UnavailableError

MOST_AT_ONCE = 2
MOST_WAITING = 64
MOST_HASHES = 2
"""Hashes of one key: its secret's, and while a rotation overlaps the secret's before it."""

_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def hash_secret(secret: str) -> str:
    """Return the argon2id hash to store: 2 passes over 19 MiB, the smallest that OWASP recommends."""
    return _hasher.hash(secret)


class Hashing:
    """Compares secrets with hashes, in `MOST_AT_ONCE` threads of its own."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="argon2")
        self._waiting = 0
        self._nobodys = hash_secret("nobody's")
        self.num_verifications = 0

    async def matching(self, secret: str, hashes: Sequence[str]) -> str | None:
        """Return the hash that a secret belongs to.

        A secret that belongs to none is compared with two hashes, however many were given: an unknown key costs
        what a wrong secret does.

        Raises:
            UnavailableError: too many wait for this already.
        """
        if self._waiting >= MOST_WAITING:
            raise UnavailableError(
                f"{self._waiting} credentials wait to be checked, the most this service keeps: ask again later."
            )
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._threads, self._compare, secret, tuple(hashes)
            )
        finally:
            self._waiting -= 1

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _compare(self, secret: str, hashes: tuple[str, ...]) -> str | None:
        padded = (*hashes, *[self._nobodys] * (MOST_HASHES - len(hashes)))
        for number, known in enumerate(padded):
            self.num_verifications += 1
            if _is_of(secret, known) and number < len(hashes):
                return known
        return None


def _is_of(secret: str, known: str) -> bool:
    try:
        return _hasher.verify(known, secret)
    except (VerificationError, InvalidHashError):
        return False
