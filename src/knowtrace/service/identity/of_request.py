"""Whose request it is."""

from typing import Annotated

from fastapi import Depends

from knowtrace.service.identity.caller import LOCAL, Caller


async def _caller() -> Caller:
    return LOCAL


InCaller = Annotated[Caller, Depends(_caller)]
