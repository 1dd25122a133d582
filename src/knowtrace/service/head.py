"""HEAD is answered wherever GET is: the same status and headers, no body."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadMiddleware:
    """Asks the routes for GET, and leaves the body of the answer out. The log line still says HEAD."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD" or is_endless(scope["path"]):
            await self._app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        # A copy: the server looks at its own to know that no body follows.
        asked = {**scope, "method": "GET"}
        try:
            await self._app(asked, receive, send_without_body)
        finally:
            scope.update(asked, method="HEAD")


def is_endless(path: str) -> bool:
    """Return whether GET is answered with an event stream: nobody would wait for the end of its HEAD."""
    return path.startswith("/api/v1/students/") and path.endswith("/stream")
