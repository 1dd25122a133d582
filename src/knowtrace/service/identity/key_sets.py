"""The public keys of an identity provider, from a file or from its address."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import orjson
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from knowtrace.errors import SettingsError, UnavailableError

PATIENCE_SECONDS = 3.0
REFRESH_SECONDS = 60.0
"""A key id nobody has heard of makes us look again, at most this often."""

MOST_AGE_SECONDS = 3_600.0
"""After this the keys are read again, so that one the provider withdrew is not trusted for ever."""

MOST_BYTES = 256 * 1024
PUBLIC_KINDS = frozenset({"RSA", "EC", "OKP"})


class PublicKeys:
    """A provider's keys, read at first use, again for an unknown key id, and once an hour."""

    def __init__(
        self,
        source: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._source = source
        self._clock = clock
        self._transport = transport
        self._keys: KeySet | None = None
        self._read_at = self._tried_at = float("-inf")
        self._reading = asyncio.Lock()

    async def having(self, key_id: str | None) -> KeySet | None:
        """Return the keys if one has this id; looked for again, at most once a minute, when none has.

        Raises:
            UnavailableError: none have been read within the hour, and they cannot be read now.
        """
        if self._has(key_id) and not self._is_old():
            return self._keys
        async with self._reading:
            if self._clock() - self._tried_at >= REFRESH_SECONDS and (
                not self._has(key_id) or self._is_old()
            ):
                await self._refresh()
        if self._keys is None:
            raise UnavailableError("The keys of the identity provider cannot be read: ask again in a minute.")
        return self._keys if self._has(key_id) else None

    def _has(self, key_id: str | None) -> bool:
        if self._keys is None:
            return False
        if key_id is None:
            # Without an id, a token may only mean the one key there is.
            return len(self._keys.keys) == 1
        return any(key.kid == key_id for key in self._keys.keys)

    def _is_old(self) -> bool:
        return self._clock() - self._read_at >= MOST_AGE_SECONDS

    async def _refresh(self) -> None:
        self._tried_at = self._clock()
        try:
            self._keys = read_key_set(await self._content())
        except (httpx.HTTPError, OSError, SettingsError) as error:
            if self._keys is not None and not self._is_old():
                return  # what was read within the hour still holds
            self._keys = None
            raise UnavailableError(
                f"The keys of the identity provider cannot be read ({type(error).__name__}): ask again in a minute."
            ) from error
        self._read_at = self._tried_at

    async def _content(self) -> bytes:
        if not self._source.startswith(("https://", "http://")):
            return await asyncio.to_thread(Path(self._source).read_bytes)
        async with httpx.AsyncClient(timeout=PATIENCE_SECONDS, transport=self._transport) as client:
            answer = await client.get(self._source)
            answer.raise_for_status()
            return answer.content


def read_key_set(content: bytes) -> KeySet:
    """Read a JWK set; symmetric keys in it are left out, for what is public proves nothing.

    Raises:
        SettingsError: it is not a JWK set with at least one public key.
    """
    if len(content) > MOST_BYTES:
        raise SettingsError(
            f"The key set of the identity provider has {len(content)} bytes, at most {MOST_BYTES}."
        )
    try:
        public = [
            key
            for key in orjson.loads(content)["keys"]
            if key.get("kty") in PUBLIC_KINDS and key.get("use", "sig") == "sig"
        ]
        return KeySet.import_key_set({"keys": public})
    except (ValueError, KeyError, TypeError, AttributeError, JoseError) as error:
        raise SettingsError(f"The key set of the identity provider cannot be used: {error}.") from error
