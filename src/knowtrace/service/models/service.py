"""List models; load and unload them; give them their parts, and take them back."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from knowtrace.errors import ConflictError, NotFoundError
from knowtrace.registry import Run
from knowtrace.registry.aliases import Named
from knowtrace.registry.shelf import shelf_and_version
from knowtrace.service.casting import cast, recasting
from knowtrace.service.classroom import Classroom
from knowtrace.service.fetching import bring, resolve
from knowtrace.service.identity.caller import Caller
from knowtrace.service.lineup import WHOLE, Found, Loaded
from knowtrace.service.models.schemas import ModelOut, ModelsOut
from knowtrace.store import Casting, Deed, ModelRole

Roles = dict[ModelRole, Casting]


async def list_models(classroom: Classroom) -> ModelsOut:
    lineup = classroom.lineup
    found = {run.version: run for run in await asyncio.to_thread(lineup.find)}
    loaded = {model.version: model for model in lineup.loaded}
    return ModelsOut(
        models=[
            _model(classroom, loaded.get(version), found.get(version))
            for version in sorted({*found, *loaded})
        ],
        canary_share=_share(lineup.roles, ModelRole.CANARY),
        shadow_share=_share(lineup.roles, ModelRole.SHADOW),
    )


async def load_model(classroom: Classroom, name: str, version: str) -> ModelOut:
    """Verify a run and load it, ready to be activated.

    Raises:
        NotFoundError: no run of this name and version lies in the folder or on a shelf.
        RunError: it is not as it was sealed, or does not stand its trial.
        ConflictError: as many models as may be are loaded, and each plays a part.
    """
    _check_name(name, version)
    async with classroom.lineup.loading:
        model = await asyncio.to_thread(classroom.lineup.open, version, on_trial=True)
        classroom.lineup.keep(model)
    return _model(classroom, model, None)


async def unload_model(classroom: Classroom, name: str, version: str) -> ModelOut:
    """Unload a model that plays no part.

    Raises:
        NotFoundError: it is not loaded.
        ConflictError: it plays a part.
    """
    _check_name(name, version)
    model = classroom.lineup.get(version)
    classroom.lineup.drop(version)
    return _model(classroom, None, Found(model.tracer.name, version, classroom.settings.run))


async def activate(
    classroom: Classroom, caller: Caller, name: str, version: str, request_id: str
) -> ModelOut:
    """Let a version answer in place of the champion, which stays behind it."""
    _check_name(name, version)

    def change(roles: Roles) -> Roles:
        return _promoted(classroom, caller, roles, version)

    await _change(classroom, caller, f"activate {version}", request_id, change)
    return _model(classroom, classroom.lineup.get(version), None)


async def follow(classroom: Classroom, caller: Caller, alias: str, request_id: str) -> ModelOut:
    """Activate what an alias of the MLflow registry stands for now.

    Raises:
        ConflictError: this installation knows no such registry.
        NotFoundError: it has no such name or alias.
    """
    if classroom.settings.mlflow_uri is None:
        raise ConflictError("This installation knows no MLflow registry: KNOWTRACE_MLFLOW_URI names one.")
    named = await asyncio.to_thread(resolve, classroom.settings, alias)
    return await activate_named(classroom, caller, named, request_id)


async def activate_named(classroom: Classroom, caller: Caller, named: Named, request_id: str) -> ModelOut:
    """Fetch a run that is named by its URL, if it is not here, and activate it."""
    settings = classroom.settings
    await asyncio.to_thread(bring, settings, named, settings.models or settings.run.parent)
    _, version = shelf_and_version(named.url)
    return await activate(classroom, caller, version.rpartition("-")[0], version, request_id)


async def roll_back(classroom: Classroom, caller: Caller, request_id: str) -> ModelOut:
    """Let the previous champion answer again.

    Raises:
        ConflictError: there is none, or another one by now.
    """
    previous = (await classroom.store.roles()).get(ModelRole.PREVIOUS)
    if previous is None:
        raise ConflictError("No model was active before this one: there is nothing to go back to.")

    def change(roles: Roles) -> Roles:
        if roles.get(ModelRole.PREVIOUS) != previous:
            raise ConflictError(
                f"Another model than {previous.version} is the previous one by now: look at GET /api/v1/models, and "
                "roll back again."
            )
        return _promoted(classroom, caller, roles, previous.version)

    await _change(classroom, caller, f"activate {previous.version}", request_id, change)
    return _model(classroom, classroom.lineup.get(previous.version), None)


async def assign(
    classroom: Classroom,
    caller: Caller,
    role: ModelRole,
    name: str,
    version: str,
    share: float,
    request_id: str,
) -> ModelOut:
    """Let a version play the canary or the shadow.

    Raises:
        ConflictError: it is the champion.
    """
    _check_name(name, version)

    def change(roles: Roles) -> Roles:
        if version == _champion(classroom, roles):
            raise ConflictError(f"Model {version} is the champion: a {role.value} is another one beside it.")
        return {**roles, role: _casting(version, caller, share)}

    await _change(classroom, caller, f"{role.value} {version}", request_id, change)
    return _model(classroom, classroom.lineup.get(version), None)


async def end(classroom: Classroom, caller: Caller, role: ModelRole, request_id: str) -> ModelsOut:
    """End a part, whoever plays it; when nobody does, nothing changes."""

    def change(roles: Roles) -> Roles:
        return {kept: casting for kept, casting in roles.items() if kept is not role}

    await _change(classroom, caller, f"end {role.value}", request_id, change)
    return await list_models(classroom)


async def _change(
    classroom: Classroom, caller: Caller, action: str, request_id: str, change: Callable[[Roles], Roles]
) -> None:
    """Try the new parts here, then store them for every process; on any error all stays as it was.

    They are worked out from what is stored: another process may have changed that since this one looked.

    Raises:
        ConflictError: another process did so meanwhile.
    """
    lineup = classroom.lineup
    async with lineup.change:
        here, before = dict(lineup.roles), await classroom.store.roles()
        after = change(before)
        try:
            untried = {role.version for role in after.values()} - {role.version for role in before.values()}
            await cast(lineup, classroom.intake, after, untried=untried)
            if after == before:
                return
            async with recasting(classroom.store, before, after) as transaction:
                session = await transaction.of(caller.tenant_id)
                await session.audit.append(_deed(caller, action, request_id), at=datetime.now(UTC))
        except BaseException:
            await cast(lineup, classroom.intake, here)
            raise


def _promoted(classroom: Classroom, caller: Caller, roles: Roles, version: str) -> Roles:
    """Return the parts with this champion, and the one before it behind it."""
    before = _champion(classroom, roles)
    if version == before:
        return roles
    kept = {role: casting for role, casting in roles.items() if casting.version != version}
    return {
        **kept,
        ModelRole.CHAMPION: _casting(version, caller),
        ModelRole.PREVIOUS: _casting(before, caller),
    }


def _champion(classroom: Classroom, roles: Roles) -> str:
    named = roles.get(ModelRole.CHAMPION)
    return classroom.lineup.first.version if named is None else named.version


def _deed(caller: Caller, action: str, request_id: str) -> Deed:
    verb, _, version = action.rpartition(" ")
    return Deed(
        subject=caller.subject,
        role=caller.role.value,
        action=f"model {verb}",
        object=f"model:{version}",
        request_id=request_id,
    )


def _casting(version: str, caller: Caller, share: float = WHOLE) -> Casting:
    return Casting(version=version, share=share, changed_at=datetime.now(UTC), changed_by=caller.subject)


def _check_name(name: str, version: str) -> None:
    if not version.startswith(f"{name}-"):
        raise NotFoundError(
            f"Model {name!r} has no version {version!r}: a version begins with its model's name."
        )


def _share(roles: Mapping[ModelRole, Casting], role: ModelRole) -> float | None:
    casting = roles.get(role)
    return None if casting is None else casting.share


def _model(classroom: Classroom, model: Loaded | None, found: Found | None) -> ModelOut:
    run = model.run if model is not None else None
    metrics: dict[str, Any] = run.metrics if isinstance(run, Run) else {}
    version = model.version if model is not None else found.version if found is not None else ""
    name = model.tracer.name if model is not None else found.name if found is not None else ""
    median = None if model is None else model.breaker.median_seconds()
    return ModelOut(
        model_name=name,
        version=version,
        is_loaded=model is not None,
        is_active=version == classroom.lineup.champion.version,
        parts=classroom.lineup.parts_of(version) if model is not None else [],
        loaded_at=None if model is None else model.loaded_at,
        parameters=metrics.get("num_parameters"),
        performance_metrics=_numbers(metrics.get("best")),
        failures=0 if model is None else model.breaker.num_failures,
        median_answer_ms=None if median is None else round(median * 1e3, 3),
    )


def _numbers(metrics: Any) -> dict[str, float]:
    if not isinstance(metrics, dict):
        return {}
    return {str(name): float(value) for name, value in metrics.items() if isinstance(value, int | float)}
