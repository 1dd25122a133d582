"""One table of permissions, and what documents say of it."""

from pathlib import Path

import pytest

from knowtrace.service.identity.caller import Caller, Role
from knowtrace.service.identity.permissions import COLUMNS, TABLE, Permission, Reach, reach_of, scopes_beyond

DOCUMENT = Path(__file__).parents[3] / "docs" / "security.md"


def test_every_permission_says_something_of_every_role() -> None:
    assert set(TABLE) == set(Permission)
    assert all(set(row) == set(Role) for row in TABLE.values())


def test_students_reach_nobody_but_themselves_save_for_the_catalogue() -> None:
    wide = {permission for permission, row in TABLE.items() if row[Role.STUDENT] is Reach.TENANT}
    assert wide == {Permission.CATALOGUE_READ}


def test_own_is_a_word_for_students_only() -> None:
    for row in TABLE.values():
        assert all(row[role] is not Reach.OWN for role in Role if role is not Role.STUDENT)


def test_the_document_has_this_table() -> None:
    lines = ["| permission | " + " | ".join(COLUMNS) + " |", "|---|" + "---|" * len(COLUMNS)]
    for permission, row in TABLE.items():
        lines.append(f"| `{permission}` | " + " | ".join(row[role].value for role in COLUMNS) + " |")
    assert "\n".join(lines) in DOCUMENT.read_text()


def test_scopes_take_away_and_never_add() -> None:
    scoped = Caller("t", "s", Role.EDUCATOR, scopes=frozenset({"mastery:read", "audit:read"}))
    allowed = {permission for permission in Permission if reach_of(scoped, permission) is not Reach.NOBODY}
    assert allowed == {Permission.MASTERY_READ}
    assert scopes_beyond(Role.EDUCATOR, frozenset({"mastery:read", "audit:read", "fly"})) == [
        "audit:read",
        "fly",
    ]


@pytest.mark.parametrize(("role", "student_id"), [(Role.STUDENT, None), (Role.ADMIN, "anna")])
def test_students_have_an_id_and_others_none(role: Role, student_id: str | None) -> None:
    with pytest.raises(ValueError, match="students have a student_id"):
        Caller("t", "s", role, student_id)
