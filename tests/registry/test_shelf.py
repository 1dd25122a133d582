"""Runs are fetched whole or not at all, from where the installation says, under a version that is their own."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from obstore.store import MemoryStore

from knowtrace.errors import NotFoundError, RunError, SettingsError, UnavailableError
from knowtrace.registry import Run, shelf
from knowtrace.registry.manifest import FILES, MANIFEST
from knowtrace.registry.shelf import (
    FETCHING,
    check_allowed,
    fetch,
    fetch_from_any,
    place_of,
    publish,
    shelf_and_version,
)
from knowtrace.registry.signing import make_keys, sign, trusted_keys


@pytest.fixture
def copy(tiny_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_run, tmp_path / "run"))


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def place(tmp_path: Path) -> str:
    return f"file://{tmp_path}/shelf"


@pytest.fixture
def stood(copy: Path, place: str, tmp_path: Path) -> Path:
    """Where a published run stands."""
    publish(Run.open(copy), place)
    return tmp_path / "shelf" / Run.open(copy).version


def test_a_published_run_is_fetched_whole(copy: Path, place: str, models: Path, tmp_path: Path) -> None:
    make_keys(tmp_path / "key", tmp_path / "key.pub")
    sign(copy, tmp_path / "key")
    run = Run.open(copy)
    url = publish(run, place)
    assert shelf_and_version(url) == (place, run.version)
    there = fetch(place, run.version, models, trusted=trusted_keys([tmp_path / "key.pub"]))
    assert there == models / run.version
    assert Run.open(there).version == run.version
    assert {path.name for path in there.iterdir()} == {path.name for path in copy.iterdir()}
    assert list((models / FETCHING).iterdir()) == []


def test_the_manifest_is_put_last(
    copy: Path, place: str, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A publication that was cut off has no manifest, so nobody fetches half of it; the next one completes it."""
    run = Run.open(copy)
    store = MemoryStore()
    put = store.put
    paths: list[str] = []

    class CutOff:
        def __getattr__(self, name: str) -> Any:
            return getattr(store, name)

        def put(self, path: str, content: bytes) -> None:
            paths.append(path)
            if len(paths) == 5:
                raise FileNotFoundError("cut off")
            put(path, content)

    monkeypatch.setattr(shelf, "_open", lambda *_, **__: CutOff())
    with pytest.raises(UnavailableError):
        publish(run, place)
    with pytest.raises(NotFoundError, match="No finished run"):
        fetch(place, run.version, models)
    publish(run, place)
    assert paths[-1] == f"{run.version}/{MANIFEST}"
    assert Run.open(fetch(place, run.version, models)).version == run.version
    before = len(paths)
    publish(run, place)
    assert len(paths) == before


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_what_is_altered_on_a_shelf_never_gets_a_name_here(
    copy: Path, stood: Path, place: str, models: Path, name: str
) -> None:
    version = Run.open(copy).version
    content = (stood / name).read_bytes()
    for altered in (content[:-1] + bytes([content[-1] ^ 1]), content[:-1], content + b"x"):
        (stood / name).write_bytes(altered)
        with pytest.raises(RunError):
            fetch(place, version, models)
    (stood / name).unlink()
    with pytest.raises((RunError, NotFoundError)):
        fetch(place, version, models)
    os.mkfifo(stood / name)
    with pytest.raises((RunError, NotFoundError)):
        fetch(place, version, models)
    assert [path.name for path in models.iterdir()] == [FETCHING]
    assert list((models / FETCHING).iterdir()) == []


def test_nothing_is_read_before_sizes_and_signature_are_right(
    copy: Path, stood: Path, place: str, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = Run.open(copy).version
    read: list[str] = []
    parts = shelf._parts

    def noted(store: Any, path: str, size: int) -> Iterator[bytes]:
        read.append(path.rpartition("/")[2])
        return parts(store, path, size)

    monkeypatch.setattr(shelf, "_parts", noted)
    make_keys(tmp_path / "key", tmp_path / "key.pub")
    with pytest.raises(RunError, match="by none of the 1 trusted keys"):
        fetch(place, version, models, trusted=trusted_keys([tmp_path / "key.pub"]))
    assert read == [MANIFEST]
    read.clear()
    with (stood / "config.json").open("r+b") as file:
        file.truncate(2**31)
    with pytest.raises(RunError, match="too large"):
        fetch(place, version, models)
    (stood / "config.json").unlink()
    (stood / "evil.pkl").write_bytes(b"x")
    with pytest.raises(RunError, match=r"evil\.pkl .* is no file of a run"):
        fetch(place, version, models)
    assert read == []


def test_a_broken_copy_here_is_replaced_and_a_whole_one_is_left(
    copy: Path, stood: Path, place: str, models: Path
) -> None:
    version = Run.open(copy).version
    there = fetch(place, version, models)
    inode = there.stat().st_ino
    assert fetch(place, version, models).stat().st_ino == inode
    (there / "config.json").write_bytes(b"{}")
    assert Run.open(fetch(place, version, models)).version == version


def test_a_run_under_another_version_is_refused(copy: Path, stood: Path, place: str, models: Path) -> None:
    other = f"elo-{'0' * 12}"
    stood.rename(stood.with_name(other))
    with pytest.raises(RunError, match="another one than its name says"):
        fetch(place, other, models)
    renamed = f"elo-{Run.open(copy).version[-12:]}"
    stood.with_name(other).rename(stood.with_name(renamed))
    with pytest.raises(RunError, match=f"holds {Run.open(copy).version}"):
        fetch(place, renamed, models)


def test_shelves_are_tried_in_turn(copy: Path, stood: Path, place: str, models: Path) -> None:
    version = Run.open(copy).version
    empty, away = f"{place}-empty", "file:///nowhere/at/all"
    Path(empty.removeprefix("file://")).mkdir()
    with pytest.raises(NotFoundError, match="on a shelf"):
        fetch_from_any([empty], version, models)
    with pytest.raises(UnavailableError):
        fetch_from_any([away, empty], version, models)
    assert fetch_from_any([away, empty, place], version, models) == models / version
    with pytest.raises(NotFoundError):
        fetch_from_any([place], "../../etc", models)


def test_a_folder_that_cannot_be_made_is_said_in_one_line(copy: Path) -> None:
    with pytest.raises(UnavailableError, match=r"^file:///proc/shelf cannot be reached: .* Check the folder"):
        publish(Run.open(copy), "file:///proc/shelf")


@pytest.mark.parametrize(
    "url",
    [
        "s3://bucket/../other", "s3://bucket//models", "s3://user:word@bucket/models", "s3://bucket/%2e%2e",
        "S3://bucket/models", "http://169.254.169.254/latest", "s3://bucket/models?x=1", "file://etc/models", "file:///",
        "file:///models/./x", "s3:///models", "gcs://bucket/models", "abfs://models@account.dfs.core.windows.net",
        "https://account.blob.core.windows.net/models?sig=word", "models",
        "s3://bucket/m\u043edels", "s3://bucket/models\n", "memory:///x",
    ],
)  # fmt: skip
def test_what_could_be_read_in_two_ways_is_no_shelf(url: str) -> None:
    with pytest.raises(SettingsError, match="is no shelf") as refused:
        place_of(url)
    assert "word" not in str(refused.value)


def test_only_shelves_that_are_named_may_be_fetched_from() -> None:
    allowed = ["s3://school/models", "file:///mnt/models/"]
    for place in ("s3://school/models", "s3://school/models/dkt", "file:///mnt/models"):
        check_allowed(place, allowed)
    for place in ("s3://school", "s3://school/models-of-others", "s3://other/models", "gs://school/models"):
        with pytest.raises(SettingsError, match="KNOWTRACE_MODEL_LOCATIONS names"):
            check_allowed(place, allowed)
    with pytest.raises(SettingsError, match="no place"):
        check_allowed("s3://school/models", [])
