"""The cookie of somebody who signed in: which key they showed and until when it holds, signed by us."""

import base64
import binascii
import hmac
import time
from collections.abc import Callable

import orjson

from knowtrace.service.identity.caller import Caller
from knowtrace.service.identity.credentials import Cookie
from knowtrace.service.identity.keys import KeyVerifier, Proved, caller_of_key, fingerprint_of


class Sessions:
    """Writes and reads cookies. One is worth nothing once its key is revoked, expired or rotated away."""

    def __init__(
        self, signing_key: str, keys: KeyVerifier, *, hours: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._signing_key = signing_key.encode()
        self._keys = keys
        self._clock = clock
        self.seconds = int(hours * 3_600)

    def begin(self, proved: Proved) -> str:
        """Return the cookie's text for somebody who showed a key."""
        ends_at = int(self._clock()) + self.seconds
        content = orjson.dumps([proved.stored.key_id, fingerprint_of(proved.matched), ends_at])
        return base64.urlsafe_b64encode(content).decode() + "." + self._signature(content)

    async def caller(self, cookie: Cookie) -> Caller | None:
        """Return who has signed in; None when the cookie is not ours, or has ended.

        Raises:
            UnavailableError: the database cannot be reached.
        """
        encoded, _, signature = cookie.text.partition(".")
        try:
            content = base64.urlsafe_b64decode(encoded.encode("ascii"))
        except (ValueError, binascii.Error):
            return None
        if not hmac.compare_digest(self._signature(content).encode(), signature.encode()):
            return None
        key_id, fingerprint, ends_at = orjson.loads(content)
        if self._clock() >= ends_at:
            return None
        stored = await self._keys.stored(key_id)
        if stored is None or not self._keys.is_accepted(stored, fingerprint):
            return None
        return caller_of_key(stored)

    def _signature(self, content: bytes) -> str:
        return hmac.digest(self._signing_key, b"session\0" + content, "sha256").hex()
