"""What an operator is told when the service opens."""

from pathlib import Path

import pytest
from sqlalchemy.engine import make_url
from structlog.testing import capture_logs

from knowtrace.service.classroom import open_classroom
from knowtrace.settings import Settings
from knowtrace.store import Store


@pytest.mark.parametrize("role", ["knowtrace", "plain"])
async def test_a_role_that_goes_past_policies_is_warned_of(
    tiny_run: Path, postgres_url: str, role: str
) -> None:
    async with Store(postgres_url) as store, store._engine.begin() as connection:
        await connection.exec_driver_sql("DROP ROLE IF EXISTS plain")
        await connection.exec_driver_sql("CREATE ROLE plain LOGIN")
        await connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        await connection.exec_driver_sql(f"CREATE SCHEMA public AUTHORIZATION {role}")
    url = make_url(postgres_url).set(username=role).render_as_string(hide_password=False)
    with capture_logs() as lines:
        async with open_classroom(Settings(run=tiny_run, database_url=url)):
            pass
    warned = [line for line in lines if "past row-level security" in line["event"]]
    assert len(warned) == (role == "knowtrace")
    async with Store(postgres_url) as store, store._engine.begin() as connection:
        await connection.exec_driver_sql("DROP OWNED BY plain CASCADE")
        await connection.exec_driver_sql("DROP SCHEMA IF EXISTS public CASCADE")
        await connection.exec_driver_sql("DROP ROLE plain")
        await connection.exec_driver_sql("CREATE SCHEMA public")
