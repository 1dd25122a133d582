"""GET / and /students/…: pages for people, and the JSON their charts are drawn from."""

import shlex
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles

from knowtrace.dashboard.activity import Search, most_recent
from knowtrace.dashboard.method import method_of
from knowtrace.dashboard.roster import roster
from knowtrace.dashboard.route import STATIC, PageRoute, templates
from knowtrace.dashboard.sign_in import signing
from knowtrace.dashboard.timelines import Timelines
from knowtrace.dashboard.view import MOST_MOMENTS, StudentView, student_view
from knowtrace.errors import NotFoundError
from knowtrace.service.classroom import Classroom, InClassroom
from knowtrace.service.fallback import answered
from knowtrace.service.identity.caller import Caller
from knowtrace.service.identity.guard import may
from knowtrace.service.identity.permissions import Permission
from knowtrace.service.recommendations.service import recently_seen
from knowtrace.service.record import record_of

LONGEST_ID = 200
MOST_MODELS = 4

StudentReader = Annotated[
    Caller, may(Permission.ANSWERS_READ, Permission.MASTERY_READ, Permission.PREDICT, Permission.DECIDE)
]
"""Who may see all that a student's page shows: the answers, what they led to, and what to do next."""

pages = APIRouter(route_class=PageRoute, include_in_schema=False)
data = APIRouter(include_in_schema=False)


def add_pages(app: FastAPI) -> None:
    """Add the pages and their static files to an application made by `create_app`."""
    app.include_router(data)
    app.include_router(signing)
    app.include_router(pages)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")


@pages.get("/")
async def list_students(
    request: Request,
    classroom: InClassroom,
    caller: Annotated[Caller, may(Permission.STUDENTS_LIST, Permission.MASTERY_READ)],
    search: str = "",
    before: str = "",
    student: str = "",
) -> Response:
    """Show the students who have answered, those who answered last first."""
    asked = Search.read(text=search, before=before, student_id=student)
    async with classroom.store.reading(caller.tenant_id) as session:
        page = await most_recent(session.students, asked)
        stored = await session.students.load([student.student_id for student in page.students])
    rows = await classroom.tracer.threads.run(roster, page.students, stored, classroom.tracer)
    context = {
        "rows": rows,
        "search": asked,
        "next": page.next,
        "example": None if rows or asked.text or asked.after else _first_event(request, classroom),
    }
    return templates.TemplateResponse(request, "students.html", context)


@data.get("/students/{student_id:path}/view.json")
async def read_view(
    request: Request, classroom: InClassroom, caller: StudentReader, student_id: str
) -> Response:
    """Return everything the page shows, as numbers and as the HTML that says them."""
    room, view = await _view(request, classroom, caller, student_id)
    if view is None:
        raise NotFoundError(
            f"No answer of student {student_id!r} is stored. POST /api/v1/events stores the first."
        )
    html = templates.get_template("student_body.html").render(_context(room, view))
    body = orjson.dumps({"view": view, "html": html}, option=orjson.OPT_UTC_Z)
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})


@pages.get("/students/{student_id:path}")
async def show_student(
    request: Request, classroom: InClassroom, caller: StudentReader, student_id: str
) -> Response:
    """Show what one student knows, how it came about, and what to do next."""
    room, view = await _view(request, classroom, caller, student_id)
    if view is None:
        context = {"student_id": student_id}
        return templates.TemplateResponse(request, "unknown.html", context, status_code=404)
    return templates.TemplateResponse(request, "student.html", _context(room, view))


async def _view(
    request: Request, classroom: Classroom, caller: Caller, student_id: str
) -> tuple[Classroom, StudentView | None]:
    """Return what the page shows, None for a student never seen, and the classroom whose model computed it."""
    record_of(request.scope).student_id = student_id
    if not student_id.isprintable() or len(student_id) > LONGEST_ID:
        return classroom, None  # no answer can be sent under such an id, and PostgreSQL would refuse to look

    async def view(room: Classroom) -> tuple[Classroom, StudentView | None]:
        now = datetime.now(UTC)
        async with room.store.reading(caller.tenant_id) as session:
            stored = (await session.students.load([student_id])).get(student_id)
            if stored is None:
                return room, None
            traced = await _timelines(request, room).follow(session, stored)
            seen = await recently_seen(room, session, student_id, now)
        return room, await room.tracer.threads.run(
            student_view, room, student_id, traced.state, moments=traced.moments, seen=seen, now=now
        )

    return await answered(classroom, caller, student_id, view)


def _timelines(request: Request, classroom: Classroom) -> Timelines:
    """Return the open pages' students as the classroom's model follows them; a few models are kept."""
    state = request.app.state
    if not hasattr(state, "timelines"):
        state.timelines = {}
        classroom.forgetting.join(lambda _: setattr(state, "timelines", {}))
    kept: dict[str, Timelines] = state.timelines
    version = classroom.tracer.version
    if version not in kept:
        newest = list(kept.items())[-MOST_MODELS + 1 :]
        heard = partial(classroom.metrics.looked_in, "timeline")
        begun = Timelines(classroom.tracer, most_moments=MOST_MOMENTS, on_look=heard)
        kept = dict(newest) | {version: begun}
        state.timelines = kept
    return kept[version]


def _context(classroom: Classroom, view: StudentView) -> dict[str, Any]:
    return {
        "view": view,
        "names": {skill.skill_id: skill.skill_name for skill in view.skills},
        "method": method_of(classroom),
        "most_moments": MOST_MOMENTS,
    }


def _first_event(request: Request, classroom: Classroom) -> str:
    """Write the shell command that sends a first answer to this very service."""
    vocabulary = classroom.tracer.vocabulary
    item = next((item for item in vocabulary.items if item.skill_ids), vocabulary.items[0])
    event = {
        "event_id": "my-first-event",
        "student_id": "ada",
        "item_id": item.item_id,
        "correct": True,
        "answered_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    }
    url = f"{str(request.base_url).rstrip('/')}/api/v1/events"
    body = orjson.dumps(event).decode()
    return f"curl {shlex.quote(url)} \\\n  -H 'Content-Type: application/json' \\\n  -d {shlex.quote(body)}"
