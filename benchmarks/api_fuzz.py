"""Schemathesis against the real service: does any request of 100,000 make it fail, or break its own description?

    python benchmarks/api_fuzz.py --requests 100000

Every round starts from something of everything, then plays the phases of Schemathesis with all of its checks: the
edges of every schema (the first round only: they are always the same), requests drawn from the schemas, valid and
invalid, and chains of calls where one uses what another has answered. Four rounds of five show a key, the fifth shows
none. `violations` counts what the checks found, `errors` what kept Schemathesis from checking.

What the checks are told of our contract, because they cannot know it:

    400, 413       a body that fits its schema may break a rule that no schema can say: an item that nobody knows, an
                   answer from the future. 422 is left to what is malformed, and for that the schema must say it.
                   A body of more than 2 MiB is 413 before anybody looks whether it fits.
    is_default     nobody need be known to have a consent: that of an erased student is the default again, no 404.
    value_error    a 422 all of whose problems are of this type names rules for which schemas have no words: text must
                   be printable, a cursor one that we gave, a query must name a student in one of two ways.

Answers of the last two kinds are counted as excused.
"""

import argparse
import math
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import schemathesis
from fuzz_examples import with_examples
from fuzz_service import OPERATED, REMOTE, FuzzService, open_service
from hypothesis import strategies as st
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from schemathesis.core.failures import Failure
from schemathesis.engine import events, from_schema
from schemathesis.openapi.checks import RejectedPositiveData, UseAfterFree
from server_process import machine, write_result

REFUSED = ["400", "401", "403", "404", "405", "409", "413", "422", "429", "5xx"]
ACCEPTED = ["2xx", "3xx", "400", "401", "403", "404", "409", "413", "429", "5xx"]
ROUNDS_WITH_KEY = 4
PRINTABLE = st.characters(exclude_categories=("C", "Z"), include_characters=" ")
MOST_SHOWN = 200


def role_for(case: schemathesis.Case, _: schemathesis.AuthContext) -> str:
    return "operator" if case.path.startswith(OPERATED) else "admin"


class Findings:
    """What was asked, what was answered, and what should not have been."""

    def __init__(self) -> None:
        self.requests = 0
        self.excused = 0
        self.statuses: Counter[int] = Counter()
        self.reached: Counter[str] = Counter()
        self.phases: Counter[str] = Counter()
        self.checks: Counter[str] = Counter()
        self.violations: Counter[str] = Counter()
        self.examples: dict[str, str] = {}
        self.errors: Counter[str] = Counter()

    def take(self, event: events.EngineEvent) -> None:
        """Count what an event of the engine tells."""
        if isinstance(event, events.NonFatalError):
            self.errors[f"{event.label}: {event.info.title}: {event.info.message[:500]}"] += 1
        elif isinstance(event, events.FatalError):
            raise event.exception
        elif isinstance(event, events.ScenarioFinished):
            self._take_scenario(event)

    def _take_scenario(self, event: events.ScenarioFinished) -> None:
        recorder = event.recorder
        self.excused += sum(recorder.filtered_failures.values())
        self.phases[event.phase.value] += len(recorder.interactions)
        for case_id, interaction in recorder.interactions.items():
            self.requests += 1
            status = interaction.response.status_code if interaction.response else 0
            self.statuses[status] += 1
            node = recorder.cases.get(case_id)
            if 200 <= status < 300 and node is not None:
                self.reached[node.value.operation.label] += 1
        for case_id, checks in recorder.checks.items():
            for check in checks:
                self.checks[check.name] += 1
                if check.failure_info is not None:
                    response = recorder.interactions[case_id].response
                    said = response.text[:1_000] if response else "no answer"
                    sample = f"{check.failure_info.code_sample[:2_000]}\n{said}"
                    self._violated(check.name, check.failure_info.failure, sample)

    def _violated(self, check: str, failure: Failure, sample: str) -> None:
        name = f"{failure.operation}: {check}: {failure.title}"
        self.violations[name] += 1
        self.examples.setdefault(name, f"{failure.message}\n{sample}")


def is_our_fault(
    _: schemathesis.HookContext, failure: Failure, case: schemathesis.Case, response: schemathesis.Response
) -> bool:
    """Return False for a body that fits its schema and breaks only rules for which schemas have no words; and for the
    consent of somebody who was erased."""
    if isinstance(failure, UseAfterFree) and response.status_code == 200:
        return response.json().get("is_default") is not True
    if not isinstance(failure, RejectedPositiveData) or response.status_code != 422:
        return True
    return any(problem["type"] != "value_error" for problem in response.json().get("errors", [{"type": ""}]))


def config_of(seed: int, ids: dict[str, list[str]], *, is_first: bool) -> schemathesis.Config:
    """Return what one round of Schemathesis is told: the ids that are there, and what may be answered."""
    places = ("path", "query", "body", "body.events.[*]", "body.requests.[*]")
    bindings = {
        f"{place}.{name}": {"dictionary": name, "probability": 0.5} for name in ids for place in places
    }
    return schemathesis.Config.from_dict(
        {
            "seed": seed,
            "headers": REMOTE,
            "dictionaries": {name: {"values": values} for name, values in ids.items()},
            "parameters": bindings,
            "request-timeout": 30,
            "continue-on-failure": True,
            "suppress-health-check": ["all"],
            "generation": {"max-examples": 20, "database": "none", "no-shrink": True},
            "phases": {"coverage": {"enabled": is_first}},
            "checks": {
                "positive_data_acceptance": {"expected-statuses": ACCEPTED},
                "negative_data_rejection": {"expected-statuses": REFUSED},
            },
            # A stream does not end by itself: a little of it is enough.
            "operations": [{"include-operation-id": "stream", "request-timeout": 0.2}],
        }
    )


def play_round(
    service: FuzzService, number: int, findings: Findings, is_over: Callable[[], bool], progress: Any
) -> None:
    """Play the phases once, or until it is over."""
    ids = service.fill()
    service.play_parts()
    shows_key = number % (ROUNDS_WITH_KEY + 1) != ROUNDS_WITH_KEY
    schema = schemathesis.openapi.from_dict(
        with_examples(service.description(), ids),
        config=config_of(number, ids, is_first=number in {0, ROUNDS_WITH_KEY}),
    )
    schema.config.update(base_url=service.server.url)
    schema.hook("filter_failure")(is_our_fault)
    if shows_key:

        @schema.auth(cache_by_key=role_for)
        class Keys:
            """A key of the role that an operation needs; another one when the fuzzer has revoked it."""

            def get(self, case: schemathesis.Case, context: schemathesis.AuthContext) -> str:
                return service.issue(role_for(case, context))

            def set(self, case: schemathesis.Case, data: str, context: schemathesis.AuthContext) -> None:
                case.headers["Authorization"] = f"Bearer {data}"

    stream = from_schema(schema).execute()
    for event in stream:
        findings.take(event)
        progress(findings)
        if is_over():
            stream.stop()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=100_000, help="stop a little after so many")
    parser.add_argument(
        "--minutes", type=float, default=math.inf, help="or after so long; with --seed a part of all"
    )
    parser.add_argument("--database", choices=("postgresql", "sqlite"), default="postgresql")
    parser.add_argument("--seed", type=int, default=0, help="of the first round; each has its own")
    parser.add_argument("--log", type=Path, help="keep the service's log here")
    parser.add_argument("--out", type=Path, default=Path("docs/results/api_fuzz.json"))
    asked = parser.parse_args()
    schemathesis.openapi.format("printable", st.text(PRINTABLE, min_size=1, max_size=200))
    findings = Findings()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        tempfile.TemporaryDirectory() as temporary,
        open_service(Path(temporary), asked.database) as service,
        Progress(*columns) as bar,
    ):
        task = bar.add_task("fuzzing", total=asked.requests)

        def progress(found: Findings) -> None:
            said = f"round {number}: {found.violations.total()} violations, {found.errors.total()} errors"
            bar.update(task, completed=found.requests, description=said)

        started = time.perf_counter()

        def is_over() -> bool:
            return findings.requests >= asked.requests or time.perf_counter() - started >= 60 * asked.minutes

        number = asked.seed
        while not is_over():
            play_round(service, number, findings, is_over, progress)
            number += 1
        seconds = time.perf_counter() - started
        operations = {
            f"{method.upper()} {path}"
            for path, methods in service.description()["paths"].items()
            for method in methods
        }
        if asked.log:
            asked.log.write_bytes((Path(temporary) / "server.log").read_bytes())
    unreached = sorted(operations - findings.reached.keys())
    write_result(
        asked.out,
        {
            "machine": machine(),
            "schemathesis": schemathesis.__version__,
            "database": asked.database,
            "requests": findings.requests,
            "rounds": number - asked.seed,
            "statuses": {str(status): count for status, count in sorted(findings.statuses.items())},
            "answers_5xx": sum(n for status, n in findings.statuses.items() if status >= 500),
            "violations": findings.violations.total(),
            "errors": findings.errors.total(),
            "excused_by_value_error": findings.excused,
            "operations": len(operations),
            "operations_never_reached": unreached,
            "requests_by_phase": dict(findings.phases),
            "checks": dict(findings.checks.most_common()),
            "found": dict(findings.violations.most_common(MOST_SHOWN)),
            "examples": dict(list(findings.examples.items())[:MOST_SHOWN]),
            "kept_from_checking": dict(findings.errors.most_common(MOST_SHOWN)),
            "seconds": round(seconds, 1),
            "requests_per_second": round(findings.requests / seconds, 1),
        },
    )
    sys.exit(1 if findings.violations or findings.errors or unreached else 0)


if __name__ == "__main__":
    main()
