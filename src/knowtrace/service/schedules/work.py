"""What each schedule does, put together from this installation's settings."""

import asyncio
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from knowtrace.errors import SettingsError
from knowtrace.jobs import (
    Done,
    Ended,
    Keeping,
    Rule,
    Schedule,
    Work,
    forget,
    run_command,
    store_item_parameters,
    write_item_parameters,
    write_mastery_counts,
)
from knowtrace.registry import Run
from knowtrace.service.classroom import Classroom
from knowtrace.service.consents.training import refusing
from knowtrace.service.erasure.lake import as_sources_write, erase_from_lake, write_ids
from knowtrace.service.identity.caller import Caller, Role
from knowtrace.service.lineup import Loaded
from knowtrace.service.models.service import activate
from knowtrace.service.schedules.offering import offer, promote
from knowtrace.settings import Settings
from knowtrace.store import Outcome

RULES = {
    "lake_erasure": "0 1 * * *",
    "ingestion": "0 2 * * *",
    "mastery_aggregation": "30 2 * * *",
    "item_parameters": "0 3 * * *",
    "retention": "30 3 * * *",
    "training": "0 4 * * 0",
}
"""When each is due, unless the installation says otherwise; the weekly one on Sundays."""

SUMMARIES = {
    "lake_erasure": "Erase from the lake whom the service has erased.",
    "ingestion": "Build the lake from what has come in.",
    "mastery_aggregation": "Count students by skill and state; small counts are withheld.",
    "item_parameters": "Write how hard the champion's items are.",
    "retention": "Delete old messages, decisions, jobs and snapshots.",
    "training": "Train a model, judge it against the champion, and let it answer if it passes.",
}
NEEDS = {
    "lake_erasure": "KNOWTRACE_LAKE",
    "ingestion": "KNOWTRACE_INGESTION_COMMAND",
    "mastery_aggregation": "KNOWTRACE_EXPORT_FOLDER",
    "item_parameters": "nothing",
    "retention": "nothing",
    "training": "KNOWTRACE_TRAINING_COMMAND and KNOWTRACE_GATE_OPTIONS",
}
OPERATOR = Caller("default", "schedule:training", Role.OPERATOR)
VERDICT = re.compile(r'"passed":\s*(true|false)')


def schedules_of(settings: Settings, classroom: Classroom | None) -> list[Schedule]:
    """Return every schedule; without a classroom they can be listed, not run.

    Raises:
        SettingsError: a rule names no schedule, or is none.
    """
    unknown = sorted(set(settings.schedule_rules) - set(RULES))
    if unknown:
        raise SettingsError(f"schedule_rules names {', '.join(unknown)}: there are {', '.join(RULES)}.")
    rules = {**RULES, **settings.schedule_rules}
    work = _configured(settings, classroom)
    return [
        Schedule(
            name=name,
            summary=SUMMARIES[name],
            rule=Rule.parse(rules[name]),
            work=work.get(name),
            needs=NEEDS[name],
        )
        for name in RULES
    ]


def _configured(settings: Settings, classroom: Classroom | None) -> dict[str, Work]:
    is_configured = {
        "lake_erasure": settings.lake is not None,
        "ingestion": bool(settings.ingestion_command),
        "mastery_aggregation": settings.export_folder is not None,
        "item_parameters": True,
        "retention": True,
        "training": bool(settings.training_command and settings.gate_options),
    }
    works = {
        "lake_erasure": erase_from_lake,
        "ingestion": ingest,
        "mastery_aggregation": aggregate,
        "item_parameters": export_items,
        "retention": clean_up,
        "training": train,
    }

    async def only_listed(due_at: datetime) -> Done:
        raise AssertionError("this process lists schedules, it does not run them")

    return {
        name: only_listed if classroom is None else partial(works[name], classroom)
        for name, is_set in is_configured.items()
        if is_set
    }


def keeping_of(settings: Settings) -> Keeping:
    return Keeping(
        decisions_days=settings.keep_decisions_days,
        jobs_days=settings.keep_jobs_days,
        snapshots_days=settings.keep_snapshots_days,
        messages_days=settings.keep_messages_days,
    )


async def ingest(classroom: Classroom, due_at: datetime) -> Done:
    ended = await _run(classroom, classroom.settings.ingestion_command)
    return Done(ended.output, Outcome.DONE) if ended.code == 0 else _failure("ingestion", ended)


async def aggregate(classroom: Classroom, due_at: datetime) -> Done:
    folder = classroom.settings.export_folder
    assert folder is not None
    return Done(
        await write_mastery_counts(
            classroom.store, folder, day=due_at.date(), smallest_cell=classroom.settings.smallest_cell
        )
    )


async def export_items(classroom: Classroom, due_at: datetime) -> Done:
    folder, champion = classroom.settings.export_folder, classroom.lineup.champion
    curves = champion.run.item_curves if isinstance(champion.run, Run) else {}
    items = (champion.tracer.vocabulary, curves, champion.version)
    done = [await store_item_parameters(classroom.store, *items, now=datetime.now(UTC))]
    if folder is not None:
        done.append(await asyncio.to_thread(write_item_parameters, *items, folder))
    return Done("; ".join(done))


async def clean_up(classroom: Classroom, due_at: datetime) -> Done:
    return Done(await forget(classroom.store, keeping_of(classroom.settings), now=datetime.now(UTC)))


async def train(classroom: Classroom, due_at: datetime) -> Done:
    """Train a run into the folder of models, judge it against the champion, activate it only if it passes.

    Nothing is learnt from students who have not agreed to it.
    """
    settings, champion = classroom.settings, classroom.lineup.champion
    if not isinstance(champion.run, Run):
        return Done("The champion is no trained run: there is nothing to judge against.", Outcome.FAILED)
    folder = settings.models or settings.run.parent
    path = folder / f"trained-{due_at:%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
    trained = await _train_without_refusing(classroom, path)
    if trained.code != 0:
        return _failure("training", trained)
    version = next(
        (found.version for found in await asyncio.to_thread(classroom.lineup.find) if found.path == path),
        None,
    )
    if version is None:
        return Done(f"Training left no sealed run at {path.name}.\n{trained.output}", Outcome.FAILED)
    return await _judge(classroom, path, version, champion, champion.run.path)


async def _train_without_refusing(classroom: Classroom, out: Path) -> Ended:
    """Run the command with the file of those who may not be learnt from; one that does not take it fails."""
    settings = classroom.settings
    refused = await refusing(
        classroom.store, settings.lake_tenant, without_decision=settings.training_consent_default
    )
    ids = [written for one in refused for written in as_sources_write(one, settings.accounts_home)]
    with TemporaryDirectory(prefix="knowtrace-") as folder:
        file = Path(folder) / "refusing.ids"
        await asyncio.to_thread(write_ids, file, ids)
        return await _run(
            classroom, [*settings.training_command, "--without-students", str(file), "--out", str(out)]
        )


async def _judge(classroom: Classroom, path: Path, version: str, champion: Loaded, against: Path) -> Done:
    """Let a run answer if it passes the gate, and the champion is still the one it was judged against.

    Then its name in the registry, where there is one, stands for it too; before, nothing is moved there.
    """
    settings = classroom.settings
    judged = await _run(
        classroom, ["gate", str(path), "--against", str(against), "--json", *settings.gate_options]
    )
    verdict = VERDICT.search(judged.output)
    if judged.code not in (0, 1) or verdict is None or (judged.code == 0) != (verdict[1] == "true"):
        return _failure(f"the gate for {version}", judged)
    if judged.code == 1:
        return Done(f"{version} may not replace {champion.version}.\n{judged.output}", Outcome.REFUSED)
    if classroom.lineup.champion is not champion:
        detail = f"{version} was judged against {champion.version}, which is not the champion any more."
        return Done(detail, Outcome.REFUSED)
    name = await asyncio.to_thread(offer, settings, path)
    await activate(classroom, OPERATOR, version.rpartition("-")[0], version, f"schedule-{path.name}")
    if name is not None:
        await asyncio.to_thread(promote, settings, name)
    return Done(f"{version} replaces {champion.version}.\n{judged.output}")


async def _run(classroom: Classroom, arguments: Sequence[str]) -> Ended:
    return await run_command(arguments, timeout_seconds=classroom.settings.schedule_timeout_hours * 3_600)


def _failure(what: str, ended: Ended) -> Done:
    how = "took too long and was stopped" if ended.code is None else f"ended with exit code {ended.code}"
    return Done(f"{what} {how}.\n{ended.output}", Outcome.FAILED)
