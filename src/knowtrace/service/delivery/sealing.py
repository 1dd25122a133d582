"""Secrets that must be read again, kept so that the database alone does not tell them: AES-256-GCM."""

import hashlib
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from knowtrace.errors import UnavailableError

NONCE_BYTES = 12


class Sealer:
    """Seals under one key. What is sealed for one owner cannot be opened as another one's."""

    def __init__(self, key: str | None) -> None:
        self._cipher = AESGCM(hashlib.sha256(key.encode()).digest()) if key else None

    @property
    def can_seal(self) -> bool:
        return self._cipher is not None

    def seal(self, secret: bytes, *, owner: str) -> bytes:
        """Raises: UnavailableError when the installation has no key."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._opened().encrypt(nonce, secret, owner.encode())

    def open(self, sealed: bytes, *, owner: str) -> bytes:
        """Raises: UnavailableError when the key is missing, or is not the one that it was sealed with."""
        try:
            return self._opened().decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], owner.encode())
        except InvalidTag:
            raise UnavailableError(
                "A secret cannot be opened: KNOWTRACE_SEAL_KEY is not the key it was sealed with."
            ) from None

    def _opened(self) -> AESGCM:
        if self._cipher is None:
            raise UnavailableError("Secrets cannot be sealed: set KNOWTRACE_SEAL_KEY.")
        return self._cipher
