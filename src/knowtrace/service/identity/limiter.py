"""How much a caller may send: requests per key and tenant, failed attempts per address, answers per tenant and day."""

import math
import time
from typing import Any

import structlog
from limits import RateLimitItem, RateLimitItemPerDay, parse
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import ConfigurationError, StorageError

from knowtrace.errors import SettingsError, TooManyError
from knowtrace.service.identity.caller import Caller, Role
from knowtrace.service.identity.windows import Windows
from knowtrace.settings import Settings

HeaderFields = dict[str, str]
WARN_EVERY_SECONDS = 60.0
PATIENCE_SECONDS = 0.2
PAUSE_SECONDS = 2.0
"""How long Redis is left alone after it has failed."""


class Limiter:
    """Sliding windows, counted in Redis where there is one, else in each process by itself.

    While Redis cannot be reached, each process counts by itself: a limiter that fails must not stop a lesson.

    Raises:
        SettingsError: a limit that cannot be read.
    """

    def __init__(self, settings: Settings) -> None:
        self._by_role = {role: _read("rate_limit", settings.rate_limit) for role in Role}
        self._by_role[Role.STUDENT] = _read("student_rate_limit", settings.student_rate_limit)
        self._failures = _read("failure_limit", settings.failure_limit)
        quota = settings.tenant_rate_limit
        self._of_tenants = _read("tenant_rate_limit", quota) if quota else None
        self._by_tenant = {
            tenant_id: _read("tenant_rate_limits", quota)
            for tenant_id, quota in settings.tenant_rate_limits.items()
        }
        per_day = settings.events_per_day
        self._events = RateLimitItemPerDay(per_day) if per_day else None
        self._here = SlidingWindowCounterRateLimiter(Windows())
        self._redis = _redis(settings.redis_url) if settings.redis_url else None
        self._shared = SlidingWindowCounterRateLimiter(self._redis) if self._redis else None
        self._again_at = self._warned_at = float("-inf")
        self._log: Any = structlog.get_logger("knowtrace.limits")

    async def close(self) -> None:
        if self._redis is not None:
            bridge: Any = self._redis.bridge
            await bridge.get_connection().aclose()

    async def count_request(self, caller: Caller) -> HeaderFields:
        """Count a request for its caller and the caller's tenant; return the fields that tell how many are left.

        Raises:
            TooManyError: it is one too many. One too many of the caller's is none of the tenant's.
        """
        limit = self._by_role[caller.role]
        fields = await self._count(limit, "requests", f"{caller.tenant_id}/{caller.subject}", "requests")
        quota = self._by_tenant.get(caller.tenant_id, self._of_tenants)
        if quota is None:
            return fields
        of_tenant = await self._count(quota, "tenants", caller.tenant_id, "requests of this tenant")
        return min(fields, of_tenant, key=lambda fields: int(fields["RateLimit-Remaining"]))

    async def count_events(self, tenant_id: str, num_events: int) -> None:
        """Count answers that a tenant sends.

        Raises:
            TooManyError: the tenant has sent as many within a day as it may.
        """
        if self._events is not None and num_events:
            await self._count(self._events, "events", tenant_id, "answers of this tenant", num_events)

    async def check_failures(self, address: str) -> None:
        """Refuse to check another credential for an address that has shown too many wrong ones.

        Raises:
            TooManyError: it has.
        """
        remaining, seconds = await self._left(self._failures, "failures", address)
        if remaining <= 0:
            raise TooManyError(
                f"Too many credentials from this address were refused. Try again in {seconds} s.",
                retry_after_seconds=seconds,
            )

    async def count_failure(self, address: str) -> None:
        await self._hit(self._failures, "failures", address, 1)

    async def _count(
        self, limit: RateLimitItem, kind: str, who: str, what: str, amount: int = 1
    ) -> HeaderFields:
        is_within = await self._hit(limit, kind, who, amount)
        remaining, seconds = await self._left(limit, kind, who)
        fields = {
            "RateLimit-Limit": str(limit.amount),
            "RateLimit-Remaining": str(remaining),
            "RateLimit-Reset": str(seconds),
        }
        if is_within:
            return fields
        raise TooManyError(
            f"At most {limit.amount:,} {what} in {limit.get_expiry():,} s are taken, and {remaining:,} are left. "
            f"Try again in {seconds} s.",
            retry_after_seconds=seconds,
            headers=fields,
        )

    async def _hit(self, limit: RateLimitItem, kind: str, who: str, amount: int) -> bool:
        if shared := self._reachable():
            try:
                return await shared.hit(limit, kind, who, cost=amount)
            except StorageError as error:
                self._leave_alone(error)
        return await self._here.hit(limit, kind, who, cost=amount)

    async def _left(self, limit: RateLimitItem, kind: str, who: str) -> tuple[int, int]:
        """Return how many are left, and the seconds until the window has moved on by one; at least 1."""
        try:
            stats = await (self._reachable() or self._here).get_window_stats(limit, kind, who)
        except StorageError as error:
            self._leave_alone(error)
            stats = await self._here.get_window_stats(limit, kind, who)
        return stats.remaining, max(1, math.ceil(stats.reset_time - time.time()))

    def _reachable(self) -> SlidingWindowCounterRateLimiter | None:
        return self._shared if time.monotonic() >= self._again_at else None

    def _leave_alone(self, error: Exception) -> None:
        # Otherwise each request would wait for the same timeout.
        self._again_at = time.monotonic() + PAUSE_SECONDS
        if time.monotonic() - self._warned_at >= WARN_EVERY_SECONDS:
            self._warned_at = time.monotonic()
            self._log.warning("Redis cannot count: each process counts by itself", error=type(error).__name__)


def _read(name: str, text: str) -> RateLimitItem:
    try:
        return parse(text)
    except ValueError:
        raise SettingsError(f"{name} {text!r} is no limit. Write one like 600/minute.") from None


def _redis(url: str) -> RedisStorage:
    try:
        return RedisStorage(
            f"async+{url}",
            wrap_exceptions=True,
            implementation="redispy",
            socket_timeout=PATIENCE_SECONDS,
            socket_connect_timeout=PATIENCE_SECONDS,
        )
    except (ConfigurationError, ValueError) as error:
        raise SettingsError(
            f"redis_url cannot be used ({type(error).__name__}). Write redis://HOST:PORT/0, and install "
            "knowtrace[redis]."
        ) from error
