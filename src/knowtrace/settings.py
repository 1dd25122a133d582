"""Everything that may differ between two installations. The environment is read here and nowhere else."""

import secrets
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

LogLevel = Literal["debug", "info", "warning", "error"]


class Settings(BaseSettings):
    """One installation's choices; `KNOWTRACE_PORT=9000` in the environment sets `port`.

    `log_key` turns student ids into the keyed hashes that logs carry. Without one, every process draws its
    own: log lines of one student can then be joined within a process, and by nobody afterwards.
    """

    model_config = SettingsConfigDict(env_prefix="KNOWTRACE_", extra="forbid", frozen=True)

    database_url: str = "sqlite+aiosqlite:///knowtrace.db"
    run: Path = Path("runs/latest")
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    log_level: LogLevel = "info"
    log_key: SecretStr = Field(default_factory=lambda: SecretStr(secrets.token_hex(32)))

    max_request_bytes: int = Field(default=2 * 2**20, gt=0)
    max_waiting_events: int = Field(default=20_000, gt=0)
    max_cached_students: int = Field(default=10_000, gt=0)
    lock_wait_seconds: float = Field(default=5.0, gt=0)
    drain_seconds: int = Field(default=20, gt=0)

    target_success: float = Field(default=0.70, gt=0, lt=1)
    success_band: float = Field(default=0.10, gt=0, lt=0.5)
    recent_days: int = Field(default=30, ge=0, le=36_500)

    stream_heartbeat_seconds: float = Field(default=15.0, gt=0)
    max_stream_subscribers: int = Field(default=1_000, gt=0)
