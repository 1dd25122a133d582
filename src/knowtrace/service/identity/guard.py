"""What stands before every route: a permission, or the word that it is open to everybody."""

import ipaddress
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant

from knowtrace.errors import DeniedError
from knowtrace.service.classroom import classroom_of
from knowtrace.service.identity.authenticate import Identity, address_of
from knowtrace.service.identity.caller import LOCAL, Caller
from knowtrace.service.identity.permissions import Permission, Reach, reach_of
from knowtrace.service.record import record_of
from knowtrace.settings import Settings
from knowtrace.store import Deed

STUDENT_WORDS = frozenset({"student_id", "user_id"})
FORWARDED = frozenset({b"forwarded", b"x-forwarded-for", b"x-real-ip"})

NamedIn = Callable[[Any, Settings], Iterable[object]]
"""Yields whom each part of a body is about, None where that cannot be told."""


@dataclass(frozen=True, eq=False)
class Guard:
    """Lets a request pass whose caller has the permissions, for every student the request names.

    The answer to all others is the same, whether what they ask about is there or not: it is given before anything
    is looked up.
    """

    permissions: tuple[Permission, ...]
    also_loopback: bool = False
    named_in: NamedIn | None = None

    async def __call__(self, request: Request) -> Caller:
        """Return who asks.

        Raises:
            UnauthenticatedError: nobody we know.
            DeniedError: the caller lacks a permission, or has it for other students only.
        """
        if self.also_loopback and is_from_this_machine(request):
            return LOCAL
        identity = classroom_of(request.scope).identity
        caller = await identity.caller_of(request.scope)
        reaches = {reach_of(caller, permission) for permission in self.permissions}
        is_denied = Reach.NOBODY in reaches or (
            Reach.OWN in reaches and not await names_only(request, caller.student_id or "", self.named_in)
        )
        if is_denied:
            needed = " and ".join(permission.value for permission in self.permissions)
            _note(identity, request, caller, needed)
            whom = " for every student the request names" if Reach.OWN in reaches else ""
            raise DeniedError(f"This credential may not do this: it needs {needed}{whom}.")
        return caller


def may(*permissions: Permission, also_loopback: bool = False, named_in: NamedIn | None = None) -> Any:
    """Declare the permissions that a route asks for, all of them; the value is who asks.

    `also_loopback` lets programs on this very machine pass without one; `named_in` finds the students in a body that
    names them in other words than ours.
    """
    return Depends(Guard(permissions, also_loopback, named_in))


@dataclass(frozen=True, eq=False)
class OpenToAll:
    """Lets every request pass; `reason` says why this harms nobody."""

    reason: str

    async def __call__(self) -> None:
        return None


def open_to_all(reason: str) -> Any:
    """Declare that a route needs no permission."""
    return Depends(OpenToAll(reason))


def guards_of(dependant: Dependant) -> list[Guard | OpenToAll]:
    """Return what stands before a route."""
    found: list[Guard | OpenToAll] = []
    for part in dependant.dependencies:
        if isinstance(part.call, Guard | OpenToAll):
            found.append(part.call)
        found += guards_of(part)
    return found


async def names_only(request: Request, student_id: str, named_in: NamedIn | None = None) -> bool:
    """Return whether a request names this student in path, query or body, at any depth, and nobody else."""
    named = [value async for value in _named(request, named_in)]
    return bool(named) and all(value == student_id for value in named)


async def _named(request: Request, named_in: NamedIn | None) -> AsyncIterator[Any]:
    for name, value in (*request.path_params.items(), *request.query_params.multi_items()):
        if name in STUDENT_WORDS:
            yield value
    body = await request.body()
    if body:
        try:
            content = orjson.loads(body)
        except orjson.JSONDecodeError:
            return  # no endpoint of ours reads a body that is not JSON
        settings = classroom_of(request.scope).settings
        found = _students_in(content) if named_in is None else named_in(content, settings)
        for value in found:
            yield value


def _students_in(content: Any) -> Iterator[Any]:
    waiting: list[Any] = [content]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            for name, value in part.items():
                # `"user_id": null` beside a student_id names nobody.
                if name in STUDENT_WORDS and value is not None:
                    yield value
                elif isinstance(value, dict | list):
                    waiting.append(value)
        elif isinstance(part, list):
            waiting.extend(part)


def is_from_this_machine(request: Request) -> bool:
    """Return whether a request comes over loopback, and not by way of a proxy that runs here."""
    try:
        is_loopback = ipaddress.ip_address(address_of(request.scope)).is_loopback
    except ValueError:
        return False
    return is_loopback and not any(name in FORWARDED for name, _ in request.scope["headers"])


def _note(identity: Identity, request: Request, caller: Caller, needed: str) -> None:
    deed = Deed(
        subject=caller.subject,
        role=caller.role.value,
        action=needed,
        object=f"path:{request.scope['path']}",
        outcome="denied",
        request_id=record_of(request.scope).request_id,
    )
    identity.journal.denied(caller.tenant_id, deed)
