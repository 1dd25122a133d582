"""Random requests of random callers about random students: does a foreign row ever come back?

    PYTHONPATH=tests python benchmarks/isolation.py --run runs/latest --probes 10000

Two schools with the same routes, students of the same names in both, and items that only one of them has. Each probe
draws a route from the application, a caller of one school and a target that is theirs, another's, the other school's
or nobody's, and writes down:

    foreign    an answer that holds anything of the other school
    allowed    a request that the table of permissions denies, and that was not
    denied     a request that it allows, and that was
    failed     an answer of 500 or more, or none

Streams are left out: they do not end. So is the route that erases a student: the others would find nothing.
`--database` takes PostgreSQL too; connect as a role that owns no table.
"""

import argparse
import asyncio
import logging
import random
import tempfile
import time
from collections import Counter
from pathlib import Path

import structlog
from server_process import machine, write_result
from service.identity.matrix import CALLERS, ERASES, MARKS, OTHER_TENANT, Route, Target, routes
from service.identity.school import School, fill, open_school

from knowtrace.service.identity.caller import Role
from knowtrace.service.identity.permissions import TABLE, Reach

HOOKS = {"webhook_hosts": ("127.0.0.1",), "seal_key": "0123456789abcdef" * 4}
STUDENTS = ("anna", "ben", "carl", "nobody")


async def probe(
    school: School, route: Route, caller: tuple[str, str], target: Target, found: Counter[str]
) -> None:
    tenant, name = caller
    reaches = {TABLE[permission][Role(name)] for permission in route.guard.permissions}
    is_mine = route.names_a_student and target.student_id == "anna"
    is_denied = Reach.NOBODY in reaches or (Reach.OWN in reaches and not is_mine)
    for request in route.requests(school, target):
        answer = await school.ask(caller, **request)
        found["probes"] += 1
        found[f"{answer.status_code // 100}xx"] += 1
        found["foreign"] += MARKS[OTHER_TENANT[tenant]] in answer.text
        found["allowed"] += is_denied and answer.status_code != 403
        found["denied"] += not is_denied and answer.status_code in {401, 403}
        found["failed"] += answer.status_code >= 500


async def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--probes", type=int, default=10_000)
    parser.add_argument("--database")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("docs/results/isolation.json"))
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    draw = random.Random(asked.seed)
    found: Counter[str] = Counter({"foreign": 0, "allowed": 0, "denied": 0, "failed": 0})
    reached: Counter[str] = Counter()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        database = asked.database or f"sqlite+aiosqlite:///{folder}/school.db"
        async with open_school(asked.run, database, **HOOKS) as school:
            await fill(school)
            every = [
                route
                for route in routes(school.app)
                if not route.path.endswith("/stream") and (route.method, route.path) != ERASES
            ]
            while found["probes"] < asked.probes:
                route, caller = draw.choice(every), draw.choice(CALLERS)
                student = draw.choice(STUDENTS)
                tenant = draw.choice(("north", "south"))
                target = Target("any", student, f"{tenant}/{student}/{draw.randrange(3)}")
                before = found["2xx"]
                await probe(school, route, caller, target, found)
                reached[f"{route.method} {route.path}"] += found["2xx"] - before
    result = {
        **found,
        "upper_bound_of_foreign_share": 3 / found["probes"],
        "routes": len(every),
        "routes_never_reached": sorted(
            f"{route.method} {route.path}" for route in every if not reached[f"{route.method} {route.path}"]
        ),
        "database": database.partition("+")[0],
        "seconds": round(time.perf_counter() - started, 1),
        **machine(),
    }
    write_result(asked.out, result)


if __name__ == "__main__":
    asyncio.run(main())
