"""Calls to others: where they may go, how they are signed, and that what was checked is what is called."""

from knowtrace.outbound.addresses import Allowed, ForbiddenAddressError, Resolve, look_up
from knowtrace.outbound.posting import caller, post
from knowtrace.outbound.signing import HEADER, sign

__all__ = ["HEADER", "Allowed", "ForbiddenAddressError", "Resolve", "caller", "look_up", "post", "sign"]
