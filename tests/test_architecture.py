"""The tree is the architecture: imports point one way, and each thing is in one place."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import knowtrace
from knowtrace.models import MODELS

SOURCE = Path(knowtrace.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
TREES = {path.relative_to(SOURCE): ast.parse(path.read_text(encoding="utf-8")) for path in FILES}

ALLOWED: dict[str, set[str]] = {
    "domain": set(),
    "errors": set(),
    "settings": {"errors"},
    "spans": set(),
    "standards": set(),
    "sources": {"domain", "errors", "standards"},
    "lake": {"catalogue", "domain", "errors", "sources", "standards"},
    "models": {"domain", "errors", "psychometrics"},
    "psychometrics": {"domain", "errors"},
    "registry": {"domain", "errors"},
    "training": {"domain", "errors", "sources", "models", "registry"},
    "evaluation": {"domain", "errors", "sources", "models", "registry", "training"},
    "store": {"domain", "errors", "spans"},
    "tracing": {"spans", "domain", "errors", "registry", "store"},
    "deciding": {"domain"},
    "catalogue": {"domain", "errors"},
    "client": set(),
    "outbound": {"errors"},
    "jobs": {"domain", "errors", "outbound", "store", "deciding"},
    "service": {"domain", "errors", "settings", "standards", "registry", "store", "tracing", "deciding", "jobs",
                "outbound", "spans"},
    "dashboard": {"domain", "errors", "registry", "store", "tracing", "deciding", "service"},
    "cli": {"domain", "errors", "settings", "sources", "standards", "models", "psychometrics", "registry",
            "training", "evaluation", "catalogue", "lake", "jobs", "service", "dashboard"},
    "__main__": {"cli"},
    "__init__": set(),
}  # fmt: skip
"""What each room may import. `cli` alone stands in both wings."""

LEARNING = {"sources", "lake", "models", "psychometrics", "training", "evaluation"}
SERVING = {"store", "tracing", "deciding", "jobs", "outbound", "service", "dashboard"}

DEMO = Path("cli/demo.py")
"""The demo is a choice of models, so it names them."""

COMMANDS = Path("cli/__init__.py")
"""A command may be called what a model is called: `knowtrace irt` calibrates items."""


def room_of(path: Path) -> str:
    return path.parts[0].removesuffix(".py")


def imported_modules(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms_imported(tree: ast.AST) -> set[str]:
    parts = (module.split(".") for module in imported_modules(tree))
    found = {names[1] for names in parts if names[0] == "knowtrace" and len(names) > 1}
    return found - {"__version__"}


@pytest.mark.parametrize("room", sorted({room_of(path) for path in TREES}))
def test_a_room_imports_only_what_it_may(room: str) -> None:
    imported = {
        name for path, tree in TREES.items() if room_of(path) == room for name in rooms_imported(tree)
    }
    assert imported - {room} <= ALLOWED[room]


def test_the_table_of_rooms_is_as_tight_as_the_code() -> None:
    for room, allowed in ALLOWED.items():
        imported = {
            name for path, tree in TREES.items() if room_of(path) == room for name in rooms_imported(tree)
        }
        assert allowed <= imported, f"{room} no longer imports {allowed - imported}"


def test_the_two_wings_never_import_each_other() -> None:
    for room in LEARNING:
        assert not ALLOWED[room] & SERVING
    for room in SERVING:
        assert not ALLOWED[room] & LEARNING


@pytest.mark.parametrize("name", MODELS)
def test_a_models_name_stands_in_its_own_file_and_the_registry_only(name: str) -> None:
    own = Path("models") / f"{name.replace('-', '_')}.py"
    places = {
        path
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value == name
    }
    assert places - {own, DEMO, COMMANDS} == {Path("models/registry.py")}


def test_the_environment_is_read_in_settings_only() -> None:
    """`KNOWTRACE_DATA` says where a developer's data lie; commands may read it."""
    readers = {
        path
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute | ast.Name)
        and (node.attr if isinstance(node, ast.Attribute) else node.id) in ("environ", "getenv")
    }
    assert all(path.parts[0] == "cli" for path in readers - {Path("settings.py")})


def test_nothing_prints_and_nothing_unpickles() -> None:
    for path, tree in TREES.items():
        called = {
            node.func.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert not called & {"print", "eval", "exec"}, path
        modules = {module.split(".")[0] for module in imported_modules(tree)}
        assert not modules & {"pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}, path
        attributes = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert not attributes & {"torch.load", "torch.save", "torch.jit.load", "np.load", "np.save"}, path


def test_no_file_is_named_after_nothing() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "misc", "base", "core"}
    assert not [path for path in TREES if vague & {*path.parent.parts, path.stem}]


def test_no_file_is_longer_than_400_lines() -> None:
    assert not [path.name for path in FILES if len(path.read_text(encoding="utf-8").splitlines()) > 400]
