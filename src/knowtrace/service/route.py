"""How our endpoints are found, and how they read JSON."""

from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope


class Resource(APIRouter):
    """The routes of one resource: a path without its prefix is not compared with each of them in turn."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return super().matches(scope) if self.prefix in scope["path"] else (Match.NONE, {})


class JsonRequest(Request):
    """A request whose JSON is the standard's: NaN, Infinity and broken UTF-8 are malformed."""

    async def json(self) -> Any:
        return orjson.loads(await self.body())


class JsonRoute(APIRoute):
    """Give it to a router as `route_class`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def with_strict_json(request: Request) -> Response:
            return await handler(JsonRequest(request.scope, request.receive))

        return with_strict_json
