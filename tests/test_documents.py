"""Documents are true: commands and options they show exist, files they name are there."""

import re
from pathlib import Path

import click
import pytest
import typer

from knowtrace.cli import app

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
COMMAND = re.compile(r"^\s+(?:\$ )?knowtrace ((?:[a-z]+(?:-[a-z]+)* ?)+)(.*)$", re.MULTILINE)
NAMED_FILE = re.compile(r"`((?:src|tests|docs|benchmarks|scripts)/[\w./-]+|\w+/[\w/]+\.(?:py|md|json|html))`")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_and_options_exist(document: Path) -> None:
    root = typer.main.get_command(app)
    for words, rest in COMMAND.findall(document.read_text()):
        command: click.Command = root
        for word in words.split():
            inner = getattr(command, "commands", {})
            if word not in inner:
                break
            command = inner[word]
        assert command is not root, f"no command: knowtrace {words}"
        known = {option for parameter in command.params for option in parameter.opts}
        unknown = set(re.findall(r"(?<!\S)--[a-z-]+", rest)) - known
        assert not unknown, f"knowtrace {words}has no {unknown}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_named_files_exist(document: Path) -> None:
    for name in NAMED_FILE.findall(document.read_text()):
        places = [ROOT / name, ROOT / "src" / "knowtrace" / name, ROOT / "docs" / name]
        assert any(place.exists() for place in places) or "NAME" in name, f"{document.name} names {name}"


def test_make_targets_of_the_documents_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for document in DOCUMENTS:
        named = set(re.findall(r"`?make ([a-z-]+)", document.read_text()))
        shown = {
            name for name in named if re.search(rf"(?:`|^ +)make {name}", document.read_text(), re.MULTILINE)
        }
        assert shown <= targets, f"{document.name} shows make {shown - targets}"
