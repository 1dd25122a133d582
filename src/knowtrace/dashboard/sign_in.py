"""GET and POST /sign-in, POST /sign-out: a key is shown once, a cookie stands for it afterwards."""

from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import RedirectResponse

from knowtrace.dashboard.formats import in_path
from knowtrace.dashboard.route import SEE_OTHER, PageRoute, templates
from knowtrace.errors import DeniedError
from knowtrace.service.classroom import Classroom, InClassroom
from knowtrace.service.identity.authenticate import address_of, is_same_site
from knowtrace.service.identity.credentials import COOKIE, read_api_key
from knowtrace.service.identity.guard import open_to_all
from knowtrace.service.record import record_of

LONGEST_FORM = 4_096

signing = APIRouter(
    route_class=PageRoute,
    include_in_schema=False,
    dependencies=[open_to_all("who signs in is not known yet")],
)


async def _from_here(request: Request) -> None:
    # Otherwise another site could sign a browser in with a key of its own, or out.
    if not is_same_site(request.scope):
        raise DeniedError("Another site made the browser send this. Send it from the sign-in page itself.")


@signing.get("/sign-in")
async def show_sign_in(request: Request, next: str = "/") -> Response:
    """Show the form."""
    return _form(request, next)


@signing.post("/sign-in")
async def sign_in(
    request: Request, classroom: InClassroom, _: Annotated[None, Depends(_from_here)]
) -> Response:
    """Take a key, and set the cookie that stands for it until it ends."""
    fields = parse_qs((await request.body())[:LONGEST_FORM].decode("utf-8", "replace"))
    then = (fields.get("next") or ["/"])[0]
    key = read_api_key((fields.get("key") or [""])[0].strip())
    identity = classroom.identity
    proved = None
    if key is not None:
        proved = await identity.prove(key, address_of(request.scope), record_of(request.scope).request_id)
    if proved is None:
        return _form(request, then, is_refused=True)
    student_id = proved.stored.student_id
    home = "/" if student_id is None else f"/students/{in_path(student_id)}"
    response = RedirectResponse(home if then == "/" else _ours(then), SEE_OTHER)
    response.set_cookie(
        COOKIE,
        identity.sessions.begin(proved),
        max_age=identity.sessions.seconds,
        httponly=True,
        samesite="lax",
        secure=_is_secure(request, classroom),
    )
    return response


@signing.post("/sign-out")
async def sign_out(
    request: Request, classroom: InClassroom, _: Annotated[None, Depends(_from_here)]
) -> Response:
    """End the session in this browser."""
    response = RedirectResponse("/sign-in", SEE_OTHER)
    response.delete_cookie(COOKIE, httponly=True, samesite="lax", secure=_is_secure(request, classroom))
    return response


def _form(request: Request, then: str, *, is_refused: bool = False) -> Response:
    context = {"next": _ours(then), "is_refused": is_refused}
    return templates.TemplateResponse(
        request, "sign_in.html", context, status_code=401 if is_refused else 200
    )


def _ours(path: str) -> str:
    """Return a path of this service; anything that a browser might take for another site becomes the list."""
    is_plain = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_plain and "\\" not in path else "/"


def _is_secure(request: Request, classroom: Classroom) -> bool:
    return request.url.scheme == "https" or classroom.settings.environment != "development"
