"""Every route x role x tenant x object, generated from the application's routes, and what each should answer."""

import re
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import httpx
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount

from knowtrace.service.identity.caller import Role
from knowtrace.service.identity.guard import Guard, OpenToAll, guards_of
from knowtrace.service.identity.permissions import TABLE, Reach
from service.identity.school import HOME, MARKS, TENANTS, School, restore

OPEN_MOUNTS = {"/static"}
"""Style sheets and scripts: the sign-in page needs them."""

OTHER_TENANT = dict(zip(TENANTS, reversed(TENANTS), strict=True))
CALLERS = [*product(TENANTS, ("student", "educator", "admin", "service", "operator"))]


@dataclass(frozen=True)
class Target:
    """What a request is about, as it stands to a caller of `tenant`."""

    kind: str
    student_id: str
    event_id: str
    key_of: str = ""


def targets(tenant: str) -> list[Target]:
    other_student = {"north": "ben", "south": "carl"}
    foreign = OTHER_TENANT[tenant]
    return [
        Target("own", "anna", f"{tenant}/anna/0", tenant),
        Target("other", other_student[tenant], f"{tenant}/{other_student[tenant]}/0", tenant),
        Target("foreign", other_student[foreign], f"{foreign}/{other_student[foreign]}/0", foreign),
        Target("absent", "nobody", "no/such/0"),
    ]


Body = Callable[[School, Target], Any]


def _event(school: School, target: Target) -> dict[str, Any]:
    item = school.classroom.tracer.vocabulary.items[0].item_id
    return {
        "student_id": target.student_id,
        "item_id": item,
        "correct": True,
        "answered_at": "2026-03-01T10:00:00Z",
    }


def _sent(school: School, target: Target) -> dict[str, Any]:
    return {"event_id": f"new/{target.student_id}", **_event(school, target)}


def _sent_with_mine(school: School, target: Target) -> list[dict[str, Any]]:
    mine = Target("own", "anna", "")
    return [{**_sent(school, mine), "event_id": "mine"}, _sent(school, target)]


def _predict(school: School, target: Target) -> dict[str, Any]:
    return {
        "user_id": target.student_id,
        "candidate_items": [school.classroom.tracer.vocabulary.items[0].item_id],
    }


def _recommend(school: School, target: Target) -> dict[str, Any]:
    return {"student_id": target.student_id, "skill": school.classroom.tracer.vocabulary.skill_ids[0]}


def _batch(school: School, target: Target) -> dict[str, Any]:
    return {"requests": [_predict(school, target)]}


def _batch_with_mine(school: School, target: Target) -> dict[str, Any]:
    return {"requests": [_predict(school, Target("own", "anna", "")), _predict(school, target)]}


def _statement_id(student_id: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{HOME}/{student_id}"))


def _statement(school: School, target: Target) -> dict[str, Any]:
    event = _event(school, target)
    return {
        "id": _statement_id(target.student_id),
        "actor": {"account": {"homePage": HOME, "name": target.student_id}},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/answered"},
        "object": {"id": f"{HOME}/items/{event['item_id']}"},
        "result": {"success": True},
        "timestamp": event["answered_at"],
    }


def _statement_with_mine(school: School, target: Target) -> list[dict[str, Any]]:
    mine = {**_statement(school, Target("own", "anna", "")), "id": _statement_id("of mine")}
    return [mine, _statement(school, target)]


def _envelope(school: School, target: Target) -> dict[str, Any]:
    event = _event(school, target)
    who, name = f"{HOME}/{target.student_id}", f"new/{target.student_id}"
    attempt = {"id": f"{name}/attempt", "assignee": who}
    rest = {"eventTime": event["answered_at"], "actor": {"id": who}}
    completed = {
        **rest,
        "id": f"{name}/completed",
        "type": "AssessmentItemEvent",
        "action": "Completed",
        "object": {"id": event["item_id"]},
        "generated": {"attempt": attempt},
    }
    graded = {
        **rest,
        "id": f"{name}/graded",
        "type": "GradeEvent",
        "action": "Graded",
        "object": attempt,
        "generated": {"scoreGiven": 1, "maxScore": 1},
    }
    return {
        "sensor": HOME,
        "sendTime": event["answered_at"],
        "dataVersion": "v1p1",
        "data": [completed, graded],
    }


def _envelope_with_mine(school: School, target: Target) -> dict[str, Any]:
    mine, other = _envelope(school, Target("own", "anna", "")), _envelope(school, target)
    both = {event["id"]: event for event in (*mine["data"], *other["data"])}
    return {**other, "data": list(both.values())}


BODIES: dict[tuple[str, str], list[Body]] = {
    ("POST", "/api/v1/events"): [_sent, _sent_with_mine, lambda s, t: {"events": _sent_with_mine(s, t)}],
    ("PUT", "/api/v1/events/{event_id}"): [_event],
    ("POST", "/xapi/statements"): [_statement, _statement_with_mine],
    ("PUT", "/xapi/statements"): [_statement],
    ("POST", "/caliper"): [_envelope, _envelope_with_mine],
    ("POST", "/api/v1/predict"): [_predict],
    ("POST", "/api/v1/predict/batch"): [_batch, _batch_with_mine],
    ("POST", "/api/v1/batch/submit"): [_batch, _batch_with_mine],
    ("POST", "/api/v1/recommendations"): [_recommend],
    ("PUT", "/api/v1/students/{student_id}/consent"): [lambda _, __: {"training": False}],
    ("POST", "/api/v1/keys"): [lambda _, __: {"role": "service", "name": "new"}],
    ("POST", "/api/v1/keys/{key_id}/rotate"): [lambda _, __: {"overlap_hours": 1}],
    ("POST", "/api/v1/webhooks"): [lambda _, __: {"url": "http://127.0.0.1:9/new", "kinds": ["alert"]}],
}
ERASES = ("DELETE", "/api/v1/students/{student_id}")
"""What it erases must be back for the next request."""

QUERIES = {
    "/api/kt/mastery": lambda target: {"user_id": target.student_id},
    "/xapi/statements": lambda target: {"statementId": _statement_id(target.student_id)},
}
"""Routes that name their student, or a statement, in the query."""

HEADERS = {"/xapi/statements": {"X-Experience-API-Version": "1.0.3"}}


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    guard: Guard

    @property
    def names_a_student(self) -> bool:
        return "{student_id}" in self.path or self.path in QUERIES or (self.method, self.path) in BODIES

    @property
    def is_about_an_object(self) -> bool:
        return self.names_a_student or "{" in self.path

    @property
    def is_page(self) -> bool:
        return not self.path.startswith("/api") and not self.path.endswith(".json")

    def requests(self, school: School, target: Target) -> Iterator[dict[str, Any]]:
        tracer = school.classroom.tracer
        path = self.path.format(
            student_id=target.student_id,
            event_id=target.event_id,
            job_id=school.job_of(target.event_id),
            webhook_id=school.hooks.get(target.key_of, "0" * 32),
            key_id=school.keys.get((target.key_of, "spare"), f"kt_{'0' * 16}_").split("_")[1],
            name=tracer.name,
            model=tracer.name,
            version=tracer.version,
        )
        query = QUERIES.get(self.path, lambda _: {})(target)
        for body in BODIES.get((self.method, self.path), [None]):
            sent = {"json": body(school, target)} if body else {}
            headers = HEADERS.get(self.path, {})
            yield {"method": self.method, "path": path, "params": query, "headers": headers, **sent}


class UnguardedRouteError(AssertionError):
    """A route says neither what it needs nor that it is open."""


def routes(app: FastAPI) -> list[Route]:
    """Return the guarded routes, those that write last: who is not there should not be there yet.

    Raises:
        UnguardedRouteError: a route has no guard, or two.
    """
    found: list[Route] = []
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, Mount):
            if context.original_route.path not in OPEN_MOUNTS:
                raise UnguardedRouteError(f"{context.original_route.path} is mounted without a guard")
            continue
        dependant = getattr(context, "dependant", None)
        guards = guards_of(dependant) if dependant else []
        if len(guards) != 1:
            raise UnguardedRouteError(
                f"{context.path} has {len(guards)} guards: declare one with may() or open_to_all()"
            )
        if isinstance(guards[0], OpenToAll):
            continue
        methods = {"GET" if method == "HEAD" else method for method in context.methods or ()}
        found += [Route(method, context.path_format, guards[0]) for method in sorted(methods)]
    return sorted(found, key=lambda route: (route.method != "GET", route.path.startswith("/api/v1/events")))


async def violations(school: School, checked: list[Route]) -> AsyncIterator[str]:
    """Yield every answer that is not what the table of permissions promises."""
    for route in checked:
        for said in (None, "Bearer nonsense", "Basic YTpi", "Bearer kt_0_0"):
            target = targets("north")[0]
            for request in route.requests(school, target):
                headers = {**request["headers"], **({"Authorization": said} if said else {})}
                answer = await _ask(school, route, None, **{**request, "headers": headers})
                if not _is_unknown(route, answer):
                    yield f"{route.method} {route.path} without a credential ({said}): {answer.status_code}"
        for tenant, name in CALLERS:
            async for problem in _for_caller(school, route, tenant, name):
                yield f"{route.method} {route.path} by {name} of {tenant}: {problem}"


async def _for_caller(school: School, route: Route, tenant: str, name: str) -> AsyncIterator[str]:
    reaches = {TABLE[permission][Role(name)] for permission in route.guard.permissions}
    answers: dict[str, list[httpx.Response]] = {}
    about = targets(tenant) if route.is_about_an_object else targets(tenant)[:1]
    for target in about:
        is_denied = Reach.NOBODY in reaches or (
            Reach.OWN in reaches and not (route.names_a_student and target.kind == "own")
        )
        for request in route.requests(school, target):
            answer = await _ask(school, route, (tenant, name), **request)
            answers.setdefault(target.kind, []).append(answer)
            if is_denied != (answer.status_code == 403):
                yield f"{target.kind} -> {answer.status_code}, should {'' if is_denied else 'not '}be denied"
            if answer.status_code in {401, 500}:
                yield f"{target.kind} -> {answer.status_code}"
            if MARKS[OTHER_TENANT[tenant]] in answer.text:
                yield f"{target.kind} -> a row of {OTHER_TENANT[tenant]}"
    if "absent" in answers:
        # An object of another tenant, and of another student where those are denied, answers as one that is not there.
        alike = ["foreign", *(["other"] if Reach.OWN in reaches or Reach.NOBODY in reaches else [])]
        for kind in alike:
            for one, none in zip(answers[kind], answers["absent"], strict=True):
                if _shape(one, kind, tenant) != _shape(none, "absent", tenant):
                    yield f"{kind} answers {_shape(one, kind, tenant)}, absent {_shape(none, 'absent', tenant)}"


async def _ask(school: School, route: Route, who: tuple[str, str] | None, **request: Any) -> httpx.Response:
    answer = await school.ask(who, **request)
    if (route.method, route.path) == ERASES and answer.is_success:
        await restore(school)
    return answer


def _is_unknown(route: Route, answer: httpx.Response) -> bool:
    if route.is_page and answer.status_code == 303:
        return answer.headers["location"].startswith("/sign-in?next=")
    return answer.status_code == 401 and answer.headers["www-authenticate"].startswith("Bearer")


VARYING = re.compile(
    r'"(?:request_id|decision_id|batch_id|job_id|(?:total_)?inference_time_ms|duration_ms|last_updated|answered_at|'
    r'erased_at|receipt_id|audit_line|exported_at|changed_at|created_at|at|sequence|key|secret)":\s*("[^"]*"|[\d.e-]+|null)'
)


JOB = re.compile(r"\b[0-9a-f]{32}\b")
KEY_ID = re.compile(r"\b[0-9a-f]{16}\b")


def _shape(answer: httpx.Response, kind: str, tenant: str) -> tuple[int, str, str]:
    [target] = [target for target in targets(tenant) if target.kind == kind]
    text = (
        KEY_ID.sub("KEY", JOB.sub("JOB", VARYING.sub("", answer.text)))
        .replace(target.event_id, "EVENT")
        .replace(f"new/{target.student_id}", "EVENT")
        .replace(_statement_id(target.student_id), "EVENT")
    )
    return (
        answer.status_code,
        answer.headers.get("content-type", ""),
        text.replace(target.student_id, "STUDENT"),
    )
