"""The models that are loaded, and the part each plays: who answers whom, and who stands in when one fails."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from knowtrace.deciding import Catalogue
from knowtrace.domain import Interaction
from knowtrace.errors import ConflictError, NotFoundError, RunError
from knowtrace.registry import PlainRun, Run
from knowtrace.registry.manifest import LARGEST_BYTES, MANIFEST, Manifest, read_plainly
from knowtrace.registry.shelf import fetch_from_any
from knowtrace.registry.signing import check_signature
from knowtrace.registry.trial import try_out
from knowtrace.service.breaker import Breaker
from knowtrace.store import Casting, ModelRole
from knowtrace.tracing import StudentKey, Tracer
from knowtrace.tracing.followed import Followed
from knowtrace.tracing.sharing import SharedStates

MOST_FOUND = 1_000
WHOLE = 1.0
UNKNOWN_ITEM = ""
"""No item has this id."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Loaded:
    """A model in memory, ready to answer."""

    run: Run | PlainRun
    tracer: Tracer
    followed: Followed
    catalogue: Catalogue
    breaker: Breaker
    loaded_at: datetime
    load_seconds: float

    @property
    def version(self) -> str:
        return self.tracer.version

    @property
    def is_resting(self) -> bool:
        """Whether it is to be left alone: it has failed again and again, or hangs."""
        return self.breaker.is_open or self.tracer.threads.are_stuck

    def lets_through(self) -> bool:
        """Return whether it may be asked now; who is told so asks."""
        return not self.tracer.threads.are_stuck and self.breaker.lets_through()


@dataclass(frozen=True, slots=True)
class Found:
    """A run on disk, not yet verified."""

    name: str
    version: str
    path: Path


def load(
    run: Run | PlainRun,
    shared: SharedStates | None = None,
    on_look: Callable[[bool], None] = lambda _: None,
) -> Loaded:
    """Open a model and ask it once each way, so that its first student waits no longer than the next.

    `shared` is where it looks for stored states before it reads them · `on_look` as for `Followed`.

    Raises:
        RunError: it cannot be served.
        ModelError: it fails on a student of whom nothing is known.
    """
    started = time.perf_counter()
    tracer = Tracer(run)
    tracer.mastery(tracer.start())
    known = [item.item_id for item in tracer.vocabulary.items[:1]]
    for item_id in (*known, UNKNOWN_ITEM):
        tracer.mastery(tracer.observe(tracer.start(), answer_to(item_id)))
    tracer.expected_success(tracer.start(), [(item_id, ()) for item_id in known])
    return Loaded(
        run=run,
        tracer=tracer,
        followed=Followed(tracer, shared, on_look),
        catalogue=Catalogue(tracer.vocabulary),
        breaker=Breaker(),
        loaded_at=datetime.now(UTC),
        load_seconds=time.perf_counter() - started,
    )


def answer_to(item_id: str) -> Interaction:
    return Interaction(student_id="", item_id=item_id, skill_ids=(), response=0)


def open_trusted(path: Path, trusted: Sequence[Ed25519PublicKey]) -> Run:
    """Open a run; where there are trusted keys, only one that they vouch for.

    Raises:
        RunError: it is not as it was sealed, or not signed by a trusted key.
    """
    manifest = Manifest.of(path)
    if trusted:
        check_signature(manifest, trusted)
    return Run.under(manifest)


def find_runs(folder: Path) -> list[Found]:
    """Return the runs that lie in a folder, each a folder of its own, by version."""
    found: list[Found] = []
    for place in sorted(folder.glob(f"*/{MANIFEST}"))[:MOST_FOUND]:
        run = place.parent
        try:
            manifest = Manifest.of(run)
            config = orjson.loads(read_plainly(run / "config.json", LARGEST_BYTES["config.json"]))
            name = str(config["model"]["name"])
        except (RunError, ValueError, TypeError, KeyError):
            continue  # whatever lies there, it is no run of ours; `Run.open` says why to who asks for it by path
        found.append(Found(name, f"{name}-{manifest.sha256[:12]}", run))
    return sorted(found, key=lambda run: run.version)


class Lineup:
    """At most so many models in memory, and their parts. Changed between requests, by one task at a time."""

    def __init__(
        self,
        first: Loaded,
        folder: Path,
        *,
        max_loaded: int,
        trusted: Sequence[Ed25519PublicKey] = (),
        shelves: Sequence[str] = (),
        shared: SharedStates | None = None,
        on_look: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._folder = folder
        self._on_look = on_look
        self._shared = shared
        self._shelves = shelves
        self._trusted = trusted
        self._max_loaded = max_loaded
        self._loaded: dict[str, Loaded] = {first.version: first}
        self._paths: dict[str, Path] = {first.version: first.run.path} if isinstance(first.run, Run) else {}
        self._stand_ins: dict[str, tuple[Loaded, ...]] = {}
        self.first = first
        self.roles: Mapping[ModelRole, Casting] = {}
        self.loading = asyncio.Lock()
        """Held while a run is loaded for somebody who asked: several trials at once would take the writer's threads."""
        self.change = asyncio.Lock()
        """Held from the decision to give other parts until it is stored, and while stored parts are followed."""

    @property
    def loaded(self) -> list[Loaded]:
        """Those in memory, the first loaded first: who is asked for changes no order that others see."""
        return sorted(self._loaded.values(), key=lambda model: model.loaded_at)

    @property
    def champion(self) -> Loaded:
        """The model that answers: the one that was activated, else the one the service was started with."""
        return self._in_role(ModelRole.CHAMPION) or self.first

    @property
    def canary(self) -> Loaded | None:
        return self._in_role(ModelRole.CANARY)

    @property
    def shadow(self) -> Loaded | None:
        return self._in_role(ModelRole.SHADOW)

    def of_student(self, tenant_id: str, student_id: str) -> Loaded:
        """Return who answers a student: the canary for its share of them, always the same ones, else the champion."""
        canary = self.canary
        if canary is None:
            return self.champion
        share = self.roles[ModelRole.CANARY].share
        return canary if place_of(tenant_id, student_id, canary.version) < share else self.champion

    def ladder(self, first: Loaded) -> Iterator[Loaded]:
        """Yield who is to answer, one after the other: the model, those behind it, counts of answers, a prior."""
        yield first
        behind = (self.champion, self._in_role(ModelRole.PREVIOUS))
        yield from (model for model in behind if model is not None and model is not first)
        yield from self._standing_in(self.champion)

    def find(self) -> list[Found]:
        return find_runs(self._folder)

    def get(self, version: str) -> Loaded:
        """Return a loaded model.

        Raises:
            NotFoundError: it is not loaded.
        """
        if version not in self._loaded:
            raise NotFoundError(
                f"No model {version!r} is loaded. Loaded: {', '.join(self._loaded)}. "
                "POST /api/v1/models/{name}/load loads another."
            )
        self._use(version)
        return self._loaded[version]

    def open(self, version: str, *, on_trial: bool = False) -> Loaded:
        """Verify a run of the folder, or fetch it there from a shelf, and load it; slow, and safe to do in a thread.

        What is fetched stands a trial in a process of its own before it lies in the folder; with `on_trial`, so does
        what lay there.

        Raises:
            NotFoundError: no run of the folder or a shelf has this version.
            RunError: it is not as it was sealed, not signed by who must be, does not stand its trial, or cannot be
                served.
            UnavailableError: a shelf that might have it cannot be reached.
        """
        loaded = self._loaded.get(version)
        if loaded is not None:
            return loaded
        path = self._paths.get(version) or next(
            (found.path for found in self.find() if found.version == version), None
        )
        if path is None:
            path = fetch_from_any(self._shelves, version, self._folder, trusted=self._trusted)
            on_trial = False
        run = open_trusted(path, self._trusted)
        if run.version != version:
            raise RunError(f"The run at {path} is {run.version}, not {version}: it was changed just now.")
        if on_trial:
            try_out(path)
        return load(run, self._shared, self._on_look)

    def keep(self, model: Loaded) -> None:
        """Keep a loaded model; when there are too many, the longest unasked without a part gives way.

        Raises:
            ConflictError: every model that is loaded plays a part.
        """
        if model.version in self._loaded:
            self._use(model.version)
            return
        if len(self._loaded) >= self._max_loaded:
            spare = next((version for version in self._loaded if not self.parts_of(version)), None)
            if spare is None:
                raise ConflictError(
                    f"{len(self._loaded)} models are loaded, the most this service keeps, and each plays a part: "
                    "end one of the parts first."
                )
            del self._loaded[spare]
        self._loaded[model.version] = model

    def take(self, models: list[Loaded], roles: Mapping[ModelRole, Casting]) -> None:
        """Let these models play these parts; of those without one, unload the longest unasked that are too many."""
        self._use(*(version for version in self._loaded if self.parts_of(version)))
        self._loaded |= {model.version: model for model in models}
        if roles.get(ModelRole.CANARY) != self.roles.get(ModelRole.CANARY):
            # What it did in another part is not to be held against it in this one.
            canary = roles.get(ModelRole.CANARY)
            for model in models:
                if canary is not None and model.version == canary.version:
                    model.breaker.begin_anew()
        self.roles = dict(roles)
        self._loaded.setdefault(self.champion.version, self.champion)
        spare = [version for version in self._loaded if not self.parts_of(version)]
        for version in spare[: max(len(self._loaded) - self._max_loaded, 0)]:
            del self._loaded[version]
        self._stand_ins = {v: kept for v, kept in self._stand_ins.items() if v in self._loaded}

    def forget(self, student: StudentKey | None) -> None:
        """Let go of a student that models have followed, or of every one."""
        stand_ins = (model for models in self._stand_ins.values() for model in models)
        # The first may be unloaded, and answers again when nobody else is champion.
        for model in (self.first, *self._loaded.values(), *stand_ins):
            model.followed.forget(student)

    def drop(self, version: str) -> None:
        """Unload a model.

        Raises:
            NotFoundError: it is not loaded.
            ConflictError: it plays a part.
        """
        self.get(version)
        if parts := self.parts_of(version):
            raise ConflictError(f"Model {version} is {', '.join(parts)}: activate another one first.")
        del self._loaded[version]

    def parts_of(self, version: str) -> list[str]:
        parts = [role.value for role, casting in self.roles.items() if casting.version == version]
        if version == self.champion.version and ModelRole.CHAMPION.value not in parts:
            parts.insert(0, ModelRole.CHAMPION.value)
        return parts

    def _use(self, *versions: str) -> None:
        """Let these be the last to give way."""
        used = {version: self._loaded[version] for version in versions}
        # A new dict each time: `open` looks into it from a thread.
        self._loaded = {v: model for v, model in self._loaded.items() if v not in used} | used

    def _in_role(self, role: ModelRole) -> Loaded | None:
        casting = self.roles.get(role)
        return None if casting is None else self._loaded.get(casting.version)

    def _standing_in(self, model: Loaded) -> tuple[Loaded, ...]:
        kept = self._stand_ins.get(model.version)
        if kept is None:
            kept = self._stand_ins[model.version] = tuple(
                load(PlainRun(of=model.version, vocabulary=model.tracer.vocabulary, hears_answers=hears))
                for hears in (True, False)
            )
        return kept


def place_of(tenant_id: str, student_id: str, salt: str) -> float:
    """Return where a student falls in [0, 1): the same in every process, another for every salt."""
    digest = hashlib.blake2b(
        "\0".join((salt, tenant_id, student_id)).encode("utf-8", "surrogatepass"), digest_size=8
    )
    return int.from_bytes(digest.digest(), "big") / 2**64
