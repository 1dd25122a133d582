"""The one table of who may do what. Everything stays within the caller's tenant."""

from collections.abc import Mapping
from enum import Enum, StrEnum

from knowtrace.service.identity.caller import LOCAL, Caller, Role


class Permission(StrEnum):
    """What a route lets somebody do."""

    ANSWERS_WRITE = "answers:write"
    ANSWERS_READ = "answers:read"
    ANSWERS_REVISE = "answers:revise"
    MASTERY_READ = "mastery:read"
    PREDICT = "predict"
    DECIDE = "decide"
    STUDENTS_LIST = "students:list"
    CATALOGUE_READ = "catalogue:read"
    MODELS_MANAGE = "models:manage"
    JOBS_MANAGE = "jobs:manage"
    SCHEDULES_MANAGE = "schedules:manage"
    KEYS_MANAGE = "keys:manage"
    WEBHOOKS_MANAGE = "webhooks:manage"
    AUDIT_READ = "audit:read"
    CONSENT_READ = "consent:read"
    CONSENT_WRITE = "consent:write"
    EXPORT = "export"
    ERASE = "erase"
    METRICS_READ = "metrics:read"


class Reach(Enum):
    """Whom a permission is about. OWN: every student named in the request is the caller, and one is named."""

    NOBODY = "-"
    OWN = "own"
    TENANT = "yes"


NOBODY, OWN, TENANT = Reach.NOBODY, Reach.OWN, Reach.TENANT
COLUMNS = (Role.STUDENT, Role.EDUCATOR, Role.ADMIN, Role.SERVICE, Role.OPERATOR)

TABLE: Mapping[Permission, Mapping[Role, Reach]] = {
    permission: dict(zip(COLUMNS, reaches, strict=True))
    for permission, reaches in {
        #                          student educator admin   service operator
        Permission.ANSWERS_WRITE: (OWN, TENANT, TENANT, TENANT, NOBODY),
        Permission.ANSWERS_READ: (OWN, TENANT, TENANT, TENANT, NOBODY),
        Permission.ANSWERS_REVISE: (NOBODY, TENANT, TENANT, TENANT, NOBODY),
        Permission.MASTERY_READ: (OWN, TENANT, TENANT, TENANT, NOBODY),
        Permission.PREDICT: (OWN, TENANT, TENANT, TENANT, NOBODY),
        Permission.DECIDE: (OWN, TENANT, TENANT, TENANT, NOBODY),
        Permission.STUDENTS_LIST: (NOBODY, TENANT, TENANT, TENANT, NOBODY),
        Permission.CATALOGUE_READ: (TENANT, TENANT, TENANT, TENANT, TENANT),
        Permission.MODELS_MANAGE: (NOBODY, NOBODY, NOBODY, NOBODY, TENANT),
        Permission.JOBS_MANAGE: (NOBODY, NOBODY, TENANT, TENANT, NOBODY),
        Permission.SCHEDULES_MANAGE: (NOBODY, NOBODY, NOBODY, NOBODY, TENANT),
        Permission.KEYS_MANAGE: (NOBODY, NOBODY, TENANT, NOBODY, NOBODY),
        Permission.WEBHOOKS_MANAGE: (NOBODY, NOBODY, TENANT, NOBODY, NOBODY),
        Permission.AUDIT_READ: (NOBODY, NOBODY, TENANT, NOBODY, NOBODY),
        Permission.CONSENT_READ: (OWN, NOBODY, TENANT, TENANT, NOBODY),
        Permission.CONSENT_WRITE: (NOBODY, NOBODY, TENANT, TENANT, NOBODY),
        Permission.EXPORT: (OWN, NOBODY, TENANT, NOBODY, NOBODY),
        Permission.ERASE: (NOBODY, NOBODY, TENANT, NOBODY, NOBODY),
        Permission.METRICS_READ: (NOBODY, NOBODY, TENANT, TENANT, TENANT),
    }.items()
}


def reach_of(caller: Caller, permission: Permission) -> Reach:
    """Return whom a caller may do this to: what the table says of the role, if the scopes leave it.

    Where no credentials are asked for, everybody may do everything.
    """
    if caller is LOCAL:
        return Reach.TENANT
    if caller.scopes is not None and permission.value not in caller.scopes:
        return Reach.NOBODY
    return TABLE[permission][caller.role]


def scopes_beyond(role: Role, scopes: frozenset[str]) -> list[str]:
    """Return those scopes that are no permission, or none that the role has."""
    had = {permission.value for permission, row in TABLE.items() if row[role] is not Reach.NOBODY}
    return sorted(scopes - had)
