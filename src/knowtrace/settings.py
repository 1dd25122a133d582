"""Everything that may differ between two installations. The environment is read here and nowhere else."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from knowtrace.errors import SettingsError

PREFIX = "KNOWTRACE_"


class SecretFiles(PydanticBaseSettingsSource):
    """Reads a setting that is a secret, or holds one, from the file that `KNOWTRACE_<NAME>_FILE` names.

    Raises:
        SettingsError: the file cannot be read, or the secret is given in both ways.
    """

    def __init__(self, settings: type[BaseSettings], environment: Mapping[str, str]) -> None:
        super().__init__(settings)
        self._environment = environment

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        variable = f"{PREFIX}{field_name.upper()}"
        path = self._environment.get(f"{variable}_FILE")
        if path is None or field_name not in SECRETS:
            return None, field_name, False
        if variable in self._environment:
            raise SettingsError(f"{variable} and {variable}_FILE are both set. Keep one of them.")
        try:
            return Path(path).read_text(encoding="utf-8").strip(), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{variable}_FILE names {path}, which cannot be read: {error}.") from error

    def __call__(self) -> dict[str, Any]:
        found = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in found.items() if value is not None}


SECRETS = frozenset(
    {
        "database_url",
        "lake_database_url",
        "redis_url",
        "state_cache_url",
        "log_key",
        "session_key",
        "audit_key",
        "callback_key",
        "seal_key",
    }
)
"""Settings that a file may hold."""

LEASE_MARGIN_SECONDS = 1.0
"""To write down what became of the last message, once it was sent or not."""

LogLevel = Literal["debug", "info", "warning", "error"]


class Settings(BaseSettings):
    """One installation's choices; `KNOWTRACE_PORT=9000` in the environment sets `port`.

    `log_key` turns student ids into the keyed hashes that logs carry. Without one, every process draws its
    own: log lines of one student can then be joined within a process, and by nobody afterwards. So it is with
    `session_key`, which signs the cookies of who signed in: without one they end with the process.

    At most `max_requests_inside` requests wait for their answers at once, a quarter of them where the crowd lasts, and
    `max_waiting_events` answers to be stored, none of them longer than `write_within_seconds`; what is more is sent
    away with 503. On SIGTERM the service first says for `leaving_seconds` that others are to be asked, and still
    answers: as long as a balancer needs to hear it.

    `job_workers` compute batch jobs in this process. A job's caller is called back at `callback_hosts`, over https and
    at public addresses, and at `callback_private_hosts`, wherever they are; what is sent is signed with
    `callback_key`.

    What is done at set times needs a setting to be done at all: `ingestion_command` and `training_command` are
    arguments of `knowtrace`, `gate_options` those of its `gate`; exports go to `export_folder`; `keep_…_days` says what
    is deleted. Messages that were delivered or given up are deleted whatever is said. Students of `lake_tenant` who are
    erased are erased from the folder `lake`, too, and from the PostgreSQL database to which it is published,
    `lake_database_url`.

    `accounts_home` is the home page whose accounts are students by their name alone: with it, xAPI's account
    (https://school.example, anna) and Caliper's https://school.example/anna are our student `anna`.

    Messages about students go to webhooks on `webhook_hosts`, whose secrets are sealed with `seal_key`, and, where
    `redis_stream` names one, to a stream of `redis_url`. Alerts, which are about the service, go to the webhooks of
    `alerts_tenant`.

    Processes with one `state_cache_url`, a Redis, one `database_url` and one `log_key` find there for
    `state_cache_seconds` what another of them has stored or read of a student.

    Spans of a `traced_share` of the requests, and of those whose caller is traced, go to `otlp_endpoint`, as
    `http://collector:4318/v1/traces`.

    A credential may send `rate_limit`, a student's `student_rate_limit`, all of a tenant's together what
    `tenant_rate_limits` says of it, else `tenant_rate_limit`; a tenant `events_per_day` answers.

    `max_stream_subscribers` event streams are open at once, `max_student_streams` of them for one student; a tenant
    that has more than half gives way to others.

    `training_consent_default` says whether answers of students who were never asked may train models.

    `run` answers until another model is activated; `models` is the folder where others are found, the one that holds
    `run` if it is not named. With `trusted_keys`, files of public keys, only runs that one of them has signed are
    served; `signing_key`, a file too, signs what the training schedule has trained. Versions that are not there are
    fetched from `model_locations`, and from nowhere else; names like models:/dkt@champion are looked up in the MLflow
    registry at `mlflow_uri`, and where `follow_model` is one, what it stands for is activated when that changes.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    database_url: str = "sqlite+aiosqlite:///knowtrace.db"
    run: Path = Path("runs/latest")
    models: Path | None = None
    trusted_keys: tuple[Path, ...] = ()
    signing_key: Path | None = None
    model_locations: tuple[str, ...] = ()
    mlflow_uri: str | None = None
    follow_model: str | None = None
    follow_model_seconds: float = Field(default=30.0, gt=0)
    max_loaded_models: int = Field(default=3, ge=1, le=20)
    roles_poll_seconds: float = Field(default=2.0, gt=0)
    answer_within_seconds: float = Field(default=10.0, gt=0)
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    log_level: LogLevel = "info"
    log_key: SecretStr = Field(default_factory=lambda: SecretStr(secrets.token_hex(32)))

    max_request_bytes: int = Field(default=2 * 2**20, gt=0)
    body_within_seconds: float = Field(default=30.0, gt=0)
    max_requests_inside: int = Field(default=256, gt=0)
    max_waiting_events: int = Field(default=20_000, gt=0)
    write_within_seconds: float = Field(default=10.0, gt=0)
    max_cached_students: int = Field(default=10_000, gt=0)
    warm_students: int = Field(default=1_000, ge=0, le=10_000)
    state_cache_url: str | None = None
    state_cache_seconds: int = Field(default=3_600, gt=0, le=30 * 86_400)
    lock_wait_seconds: float = Field(default=5.0, gt=0)
    leaving_seconds: float = Field(default=0.0, ge=0, le=300)
    drain_seconds: int = Field(default=20, gt=0)

    otlp_endpoint: str | None = None
    traced_share: float = Field(default=0.1, ge=0, le=1)

    live_quality_share: float = Field(default=0.1, ge=0, le=1)

    target_success: float = Field(default=0.70, gt=0, lt=1)
    success_band: float = Field(default=0.10, gt=0, lt=0.5)
    recent_days: int = Field(default=30, ge=0, le=36_500)

    accounts_home: str | None = None

    stream_heartbeat_seconds: float = Field(default=15.0, gt=0)
    max_stream_subscribers: int = Field(default=1_000, gt=0)
    max_student_streams: int = Field(default=16, gt=0)

    environment: Literal["development", "production"] = "development"
    auth: Literal["open", "keys"] | None = None
    session_key: SecretStr = Field(default_factory=lambda: SecretStr(secrets.token_hex(32)))
    session_hours: float = Field(default=8.0, gt=0, le=24 * 30)
    audit_key: SecretStr | None = None
    training_consent_default: bool = False

    oidc_issuer: str | None = None
    oidc_audience: str | None = None
    oidc_keys: str | None = None
    oidc_algorithms: tuple[str, ...] = ("RS256", "ES256")
    oidc_needs_nbf: bool = True
    oidc_tenant_claim: str = "tenant"
    oidc_role_claim: str = "role"
    oidc_student_claim: str = "student_id"
    oidc_role_names: dict[str, str] = Field(default_factory=dict)

    job_workers: int = Field(default=1, ge=0, le=64)
    job_poll_seconds: float = Field(default=1.0, gt=0)
    job_lease_seconds: float = Field(default=60.0, gt=0)
    max_unfinished_jobs: int = Field(default=1_000, gt=0)
    callback_hosts: tuple[str, ...] = ()
    callback_private_hosts: tuple[str, ...] = ()
    callback_key: SecretStr | None = None

    run_schedules: bool = True
    schedule_rules: dict[str, str] = Field(default_factory=dict)
    schedule_poll_seconds: float = Field(default=30.0, gt=0)
    schedule_timeout_hours: float = Field(default=12.0, gt=0)
    lake: Path | None = None
    lake_database_url: SecretStr | None = None
    lake_tenant: str = Field(default="default", min_length=1, max_length=100)
    ingestion_command: tuple[str, ...] = ()
    training_command: tuple[str, ...] = ()
    gate_options: tuple[str, ...] = ()
    export_folder: Path | None = None
    smallest_cell: int = Field(default=5, ge=1)
    keep_decisions_days: int | None = Field(default=None, ge=1)
    keep_jobs_days: int | None = Field(default=None, ge=1)
    keep_snapshots_days: int | None = Field(default=None, ge=1)
    keep_messages_days: int = Field(default=30, ge=1)

    alerts_tenant: str = Field(default="default", min_length=1, max_length=100)
    alert_poll_seconds: float = Field(default=30.0, gt=0, le=1800)
    redis_url: str | None = None
    redis_stream: str | None = None
    redis_stream_length: int = Field(default=1_000_000, gt=0)
    webhook_hosts: tuple[str, ...] = ()
    seal_key: SecretStr | None = None
    delivery_attempts: int = Field(default=10, ge=1, le=100)
    delivery_timeout_seconds: float = Field(default=5.0, gt=0)
    delivery_backoff_seconds: float = Field(default=1.0, gt=0)
    delivery_lease_seconds: float = Field(default=60.0, gt=0)
    delivery_poll_seconds: float = Field(default=0.5, gt=0)
    subscriptions_poll_seconds: float = Field(default=2.0, gt=0)
    rate_limit: str = "60000/minute"
    student_rate_limit: str = "600/minute"
    failure_limit: str = "30/minute"
    tenant_rate_limit: str | None = None
    tenant_rate_limits: dict[str, str] = Field(default_factory=dict)
    events_per_day: int | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _leases_outlast_what_is_done_under_them(self) -> Self:
        if self.delivery_lease_seconds <= self.delivery_timeout_seconds + LEASE_MARGIN_SECONDS:
            raise ValueError(
                f"delivery_lease_seconds ({self.delivery_lease_seconds:g}) must exceed delivery_timeout_seconds "
                f"({self.delivery_timeout_seconds:g}) by more than {LEASE_MARGIN_SECONDS:g}: another process "
                "would send a message again that this one is still sending."
            )
        return self

    @model_validator(mode="after")
    def _a_shared_cache_has_a_shared_key(self) -> Self:
        if self.state_cache_url and "log_key" not in self.model_fields_set:
            raise ValueError(
                "state_cache_url needs log_key, the same in every process: under a key that each draws for itself none "
                "finds what another has put there, and no command can erase it. `openssl rand -hex 32` makes one."
            )
        return self

    @property
    def is_open(self) -> bool:
        """Whether nobody is asked who they are: the default in development, and only there."""
        return self.auth == "open" or (self.auth is None and self.environment == "development")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, SecretFiles(settings_cls, os.environ)
