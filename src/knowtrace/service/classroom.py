"""Everything a request needs, opened once per process."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any

import structlog
from fastapi import Depends, Request
from starlette.types import Scope

from knowtrace.deciding import Catalogue, Rules
from knowtrace.jobs import Drain
from knowtrace.registry import PlainRun, Run
from knowtrace.registry.shelf import place_of
from knowtrace.registry.signing import trusted_keys
from knowtrace.service.bodies import Bodies
from knowtrace.service.broker import Broker
from knowtrace.service.canary_quality import CanaryQuality
from knowtrace.service.casting import following_roles
from knowtrace.service.delivery.deliverer import delivering
from knowtrace.service.delivery.outgoing import Mailroom
from knowtrace.service.delivery.sealing import Sealer
from knowtrace.service.door import Door
from knowtrace.service.forgetting import Forgetting, following_erasures
from knowtrace.service.identity.authenticate import Identity
from knowtrace.service.identity.opening import open_identity, open_store
from knowtrace.service.lineup import Lineup, Loaded, load, open_trusted
from knowtrace.service.logs import Pseudonyms
from knowtrace.service.metrics import Metrics
from knowtrace.service.state_cache import RedisStates, redis_states
from knowtrace.service.students.messages import announce, announce_revision
from knowtrace.service.watching import Watch, watching
from knowtrace.settings import Settings
from knowtrace.store import Store
from knowtrace.tracing import Tracer
from knowtrace.tracing.committed import Committed
from knowtrace.tracing.drift import Drift
from knowtrace.tracing.intake import Intake
from knowtrace.tracing.quality import LiveQuality

log: Any = structlog.get_logger("knowtrace.service")


@dataclass(frozen=True, kw_only=True)
class Classroom:
    """The parts of one running service."""

    settings: Settings
    door: Door
    bodies: Bodies
    drain: Drain
    """Begun when the process is told to go, else when the first part of it stops."""
    lineup: Lineup
    model: Loaded
    is_degraded: bool = False
    rules: Rules
    store: Store
    identity: Identity
    intake: Intake
    mailroom: Mailroom
    sealer: Sealer
    broker: Broker
    metrics: Metrics
    work_waits: asyncio.Event
    """Set when a job is submitted here: workers of this process look at once, those of others when they look next."""
    pseudonyms: Pseudonyms
    replays: asyncio.Semaphore
    """Held while a long history is replayed for a reader: one at a time, or readers would starve the writer."""
    shadows: set[asyncio.Task[None]]
    quality: LiveQuality
    started_at: datetime
    forgetting: Forgetting
    states: RedisStates | None
    """Where processes share stored states, if they do."""

    @property
    def run(self) -> Run | PlainRun:
        return self.model.run

    @property
    def tracer(self) -> Tracer:
        return self.model.tracer

    @property
    def catalogue(self) -> Catalogue:
        return self.model.catalogue

    def with_model(self, model: Loaded, *, is_degraded: bool) -> "Classroom":
        """Return the same parts around another model: what one request sees from its beginning to its end."""
        if model is self.model and is_degraded == self.is_degraded:
            return self
        return replace(self, model=model, is_degraded=is_degraded)


@asynccontextmanager
async def open_classroom(settings: Settings) -> AsyncGenerator[Classroom]:
    """Open the run and the database, bring its tables up to date, and start the writer.

    On the way out the writer first finishes what is waiting.

    Raises:
        RunError: the run cannot be served.
        SettingsError: one of the `model_locations` is no shelf.
        UnavailableError: the database cannot be reached.
    """
    trusted = trusted_keys(settings.trusted_keys)
    metrics = Metrics()
    states = redis_states(settings, metrics)
    first = load(open_trusted(settings.run, trusted), states, metrics.looked_at)
    lineup = Lineup(
        first,
        settings.models or settings.run.parent,
        max_loaded=settings.max_loaded_models,
        trusted=trusted,
        shelves=[place_of(shelf) for shelf in settings.model_locations],
        shared=states,
        on_look=metrics.looked_at,
    )
    quality, drift, canary_quality = LiveQuality(settings.live_quality_share), Drift(), CanaryQuality()
    metrics.watch_models(lambda: [(model.version, model.load_seconds) for model in lineup.loaded])
    door = Door(settings.max_requests_inside)
    metrics.watch_door(door)
    broker = Broker(
        max_subscribers=settings.max_stream_subscribers, max_of_student=settings.max_student_streams
    )
    forgetting = Forgetting(broker)
    forgetting.join(lineup.forget)

    def on_commit(committed: Committed) -> None:
        metrics.observe_commit(committed)
        drift.observe(
            committed.accepted_answers(), lineup.champion.tracer.vocabulary, lineup.champion.version
        )
        lineup.champion.followed.hear(committed.students, committed.model_version)
        canary_quality.hear(committed, lineup)
        announce(committed, broker, lineup.champion.tracer)

    async with (
        open_store(settings) as store,
        open_identity(settings, store, metrics.looked_in) as identity,
        states or nullcontext(),
    ):
        if await store.keeps_tenants_apart() is False:
            # The other wall between tenants, our own conditions, stands; this one would show where it has a hole.
            log.warning(
                "The service is connected to PostgreSQL as a superuser or with BYPASSRLS, past row-level security. "
                "Give it a role of its own."
            )
        mailroom = Mailroom(
            store,
            has_stream=bool(settings.redis_url and settings.redis_stream),
            alerts_tenant=settings.alerts_tenant,
        )
        await mailroom.refresh()
        sealer = Sealer(settings.seal_key.get_secret_value() if settings.seal_key else None)
        intake = Intake(
            store,
            first.tracer,
            max_waiting_events=settings.max_waiting_events,
            write_within_seconds=settings.write_within_seconds,
            max_cached_students=settings.max_cached_students,
            quality=quality,
            outgoing=mailroom,
            on_commit=on_commit,
            on_revision=lambda tenant_id, result: announce_revision(tenant_id, result, broker),
            on_erasure=forgetting.forget,
        )
        metrics.watch(intake, quality, drift)
        async with intake:
            classroom = Classroom(
                settings=settings,
                door=door,
                bodies=Bodies(settings),
                drain=Drain(settings.drain_seconds),
                lineup=lineup,
                model=first,
                rules=Rules(
                    target_success=settings.target_success,
                    half_width=settings.success_band,
                    recent_days=settings.recent_days,
                ),
                store=store,
                identity=identity,
                intake=intake,
                mailroom=mailroom,
                sealer=sealer,
                broker=broker,
                metrics=metrics,
                work_waits=asyncio.Event(),
                pseudonyms=Pseudonyms(settings.log_key.get_secret_value()),
                replays=asyncio.Semaphore(1),
                shadows=set(),
                quality=quality,
                started_at=datetime.now(UTC),
                forgetting=forgetting,
                states=states,
            )
            every = settings.roles_poll_seconds
            async with (
                following_roles(lineup, store, intake, metrics, mailroom, canary_quality, every=every),
                canary_quality.scoring(lineup, store),
                following_erasures(forgetting, store, intake, every=every),
                delivering(store, mailroom, settings, sealer, metrics),
                watching(Watch(store, mailroom, lineup, metrics), every=settings.alert_poll_seconds),
            ):
                yield classroom
                for shadow in list(classroom.shadows):
                    shadow.cancel()
                await asyncio.gather(*classroom.shadows, return_exceptions=True)
            broker.close()


def classroom_of(scope: Scope) -> Classroom:
    classroom = scope["app"].state.classroom
    assert isinstance(classroom, Classroom), "the application's lifespan opens the classroom"
    return classroom


async def _classroom(request: Request) -> Classroom:
    classroom = classroom_of(request.scope)
    return classroom.with_model(classroom.lineup.champion, is_degraded=False)


InClassroom = Annotated[Classroom, Depends(_classroom)]
