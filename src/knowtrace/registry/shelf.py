"""Shelves: places elsewhere where sealed runs stand, each under its version, for any machine to fetch.

A shelf is a URL: s3://bucket/models, gs://bucket/models, az://container/models, file:///mnt/models. Credentials come
from where each cloud keeps them (`NEEDED`). A version ends in twelve digits of its manifest's hash, so
that nothing needs to be written over and mistakes are seen; who vouches for a run is who has signed it.
"""

import hashlib
import re
import secrets
import shutil
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from knowtrace.errors import NotFoundError, RunError, SettingsError, UnavailableError
from knowtrace.registry.manifest import (
    LARGEST_BYTES,
    LARGEST_MANIFEST_BYTES,
    MANIFEST,
    Manifest,
    read_plainly,
)
from knowtrace.registry.run import Run
from knowtrace.registry.signing import LARGEST_KEY_BYTES, SIGNATURE, check_signed
from knowtrace.registry.trial import try_out

if TYPE_CHECKING:
    from obstore.store import ObjectStore

PLACE = re.compile(r"(?:(?:s3|gs|az):/|file://)(?:/[A-Za-z0-9._-]+)+")
VERSION = re.compile(r"[a-z0-9][a-z0-9-]*-[0-9a-f]{12}")
SECRET = re.compile(r"(?<=://)\S*@|\?\S*")
"""Where a URL may carry what nobody else should read: a password, a signature."""

NEEDED = {
    "s3": "the bucket, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT",
    "gs": "the bucket, GOOGLE_SERVICE_ACCOUNT and GOOGLE_BASE_URL",
    "az": "the container, AZURE_STORAGE_ACCOUNT_NAME, AZURE_STORAGE_ACCOUNT_KEY and AZURE_STORAGE_ENDPOINT",
    "file": "the folder and who may read it",
}
"""Scheme: what to look at when a shelf cannot be reached."""

LARGEST_RUN_BYTES = 2**32
LARGEST = {**LARGEST_BYTES, MANIFEST: LARGEST_MANIFEST_BYTES, SIGNATURE: LARGEST_KEY_BYTES}
"""Every file that may stand under a version, and how large it may be."""

PART_BYTES = 2**23
"""What is asked for at a time: the timeout is for one part, not for a run."""

FETCHING = ".fetching"
PATIENCE = timedelta(seconds=30)
CONNECTING = timedelta(seconds=5)
RETRIES = 3


def shelf_and_version(url: str) -> tuple[str, str]:
    """Return the shelf and the version that a run's URL names.

    Raises:
        SettingsError: it is not the URL of a run.
    """
    place, _, version = url.rpartition("/")
    if not VERSION.fullmatch(version):
        raise SettingsError(
            f"{_shown(url)} names no run: a run's URL ends in its version, as `knowtrace publish` says it."
        )
    return place_of(place), version


def place_of(url: str) -> str:
    """Return a shelf's URL as it is compared.

    Raises:
        SettingsError: it is none, or could be read in two ways.
    """
    place = url.rstrip("/")
    names = place.split("/")[2:]
    if not PLACE.fullmatch(place) or {".", ".."} & set(names):
        raise SettingsError(
            f"{_shown(url)} is no shelf. One is named as s3://bucket/models, gs://bucket/models, az://container/models "
            "or file:///folder/models, with letters, digits and . _ - / only."
        )
    return place


def check_allowed(place: str, allowed: Sequence[str]) -> None:
    """Check that a shelf is one of those this installation fetches from, or stands below one.

    Raises:
        SettingsError: it is not.
    """
    if not any(f"{place}/".startswith(f"{place_of(shelf)}/") for shelf in allowed):
        raise SettingsError(
            f"Runs are not fetched from {place}: KNOWTRACE_MODEL_LOCATIONS names {', '.join(allowed) or 'no place'}."
        )


def publish(run: Run, url: str) -> str:
    """Put a run on a shelf, its manifest last, and return its URL. What is there already is left as it is.

    Raises:
        RunError: a file is not as it was sealed, or something else stands there under the run's version.
        SettingsError: the URL is no shelf's.
        UnavailableError: the shelf cannot be reached, or refuses.
    """
    place, version = place_of(url), run.version
    with _reaching(place):
        store = _open(place, make=True)
        listed = _listed(store, version)
        if MANIFEST in listed:
            if _content(store, f"{version}/{MANIFEST}", listed[MANIFEST]) != run.manifest.raw:
                raise RunError(f"{place}/{version} holds another run than {run.path}: remove it by hand.")
        else:
            for name in run.manifest.files:
                store.put(f"{version}/{name}", run.read(name))
        # A run may be signed after it was published; a reader without it sees an unsigned one.
        if (run.path / SIGNATURE).exists():
            store.put(f"{version}/{SIGNATURE}", read_plainly(run.path / SIGNATURE, LARGEST_KEY_BYTES))
        if MANIFEST not in listed:
            store.put(f"{version}/{MANIFEST}", run.manifest.raw)
    return f"{place}/{version}"


def fetch(place: str, version: str, folder: Path, *, trusted: Sequence[Ed25519PublicKey] = ()) -> Path:
    """Fetch a run from a shelf into a folder of models and return where it lies there.

    How many and how large its files are is known before any is read; its manifest and the signature are checked before
    any other is; and the folder appears when all of them have been compared with the manifest, and the run has been
    tried out in a process of its own.

    Raises:
        NotFoundError: no run of this version stands there.
        RunError: it is not as it was sealed, not signed by a trusted key, larger than a run may be, or not healthy.
        UnavailableError: the shelf cannot be reached.
    """
    target = folder / version
    if not VERSION.fullmatch(version):
        raise NotFoundError(f"No run is called {version!r}: a version ends in twelve digits of its hash.")
    unfinished = folder / FETCHING / secrets.token_hex(8)
    unfinished.mkdir(parents=True)
    try:
        with _reaching(place):
            _download(_open(place), place, version, unfinished, trusted)
        found = Run.open(unfinished).version
        if found != version:
            raise RunError(f"{place}/{version} holds {found}. Publish it again.")
        try_out(unfinished)
        _move(unfinished, target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return target


def fetch_from_any(
    places: Sequence[str], version: str, folder: Path, *, trusted: Sequence[Ed25519PublicKey] = ()
) -> Path:
    """Fetch a run from the first of some shelves that has it.

    Raises:
        NotFoundError: none has.
        RunError: the first that has it has another than was sealed and signed.
        UnavailableError: none of those that can be reached has it, and one cannot.
    """
    away: UnavailableError | None = None
    for place in places:
        try:
            return fetch(place_of(place), version, folder, trusted=trusted)
        except NotFoundError:
            continue
        except UnavailableError as error:
            away = error
    if away is not None:
        raise away
    raise NotFoundError(
        f"No run of version {version!r} lies in the folder of models or on a shelf of KNOWTRACE_MODEL_LOCATIONS. "
        "GET /api/v1/models lists those of the folder."
    )


def _download(
    store: "ObjectStore", place: str, version: str, into: Path, trusted: Sequence[Ed25519PublicKey]
) -> None:
    listed = _listed(store, version)
    if MANIFEST not in listed:
        raise NotFoundError(f"No finished run stands at {place}/{version}.")
    raw = _content(store, f"{version}/{MANIFEST}", listed[MANIFEST])
    if not version.endswith(f"-{hashlib.sha256(raw).hexdigest()[:12]}"):
        raise RunError(
            f"The manifest at {place}/{version} is another one than its name says. Publish it again."
        )
    signature = _content(store, f"{version}/{SIGNATURE}", listed[SIGNATURE]) if SIGNATURE in listed else b""
    if trusted:
        check_signed(raw, signature, trusted, f"{place}/{version}")
    manifest = Manifest.parse(raw, into)
    problems = [
        f"{name} has {listed.get(name, 0)} bytes, the manifest says {sealed.size}"
        for name, sealed in manifest.files.items()
        if listed.get(name) != sealed.size
    ]
    if problems:
        raise RunError(f"The run at {place}/{version} is not the one that was sealed: {'; '.join(problems)}.")
    for name, sealed in manifest.files.items():
        digest = hashlib.sha256()
        with (into / name).open("wb") as file:
            for part in _parts(store, f"{version}/{name}", sealed.size):
                digest.update(part)
                file.write(part)
        if digest.hexdigest() != sealed.sha256:
            raise RunError(f"{place}/{version}/{name} has another SHA-256 than its manifest says.")
    if signature:
        (into / SIGNATURE).write_bytes(signature)
    (into / MANIFEST).write_bytes(raw)


def _listed(store: "ObjectStore", version: str) -> dict[str, int]:
    """Return the size of each file under a version.

    Raises:
        RunError: there is one that no run has, or they are too large.
    """
    found: dict[str, int] = {}
    for page in store.list(f"{version}/", chunk_size=len(LARGEST) + 1):
        for entry in page:
            name = entry["path"].removeprefix(f"{version}/")
            if name not in LARGEST or entry["size"] > LARGEST[name]:
                raise RunError(
                    f"{version}/{name} ({entry['size']} bytes) is no file of a run, or too large for one."
                )
            found[name] = entry["size"]
    if sum(found.values()) > LARGEST_RUN_BYTES:
        raise RunError(f"{version} has {sum(found.values())} bytes; a run has at most {LARGEST_RUN_BYTES}.")
    return found


def _content(store: "ObjectStore", path: str, size: int) -> bytes:
    return b"".join(_parts(store, path, size))


def _parts(store: "ObjectStore", path: str, size: int) -> Iterator[bytes]:
    for start in range(0, size, PART_BYTES):
        yield bytes(store.get_range(path, start=start, end=min(start + PART_BYTES, size)))


def _move(unfinished: Path, target: Path) -> None:
    """Give a fetched run its name; what lies there stays if it is whole, for another process may be serving it."""
    try:
        unfinished.rename(target)
    except OSError:
        try:
            Run.open(target)
        except RunError:
            target.rename(unfinished.with_suffix(".broken"))
            unfinished.rename(target)
            shutil.rmtree(unfinished.with_suffix(".broken"))


def _open(place: str, *, make: bool = False) -> "ObjectStore":
    from obstore.store import LocalStore, from_url  # noqa: PLC0415 - only who fetches or publishes needs it

    if place.startswith("file://"):
        try:
            return LocalStore(place.removeprefix("file://"), mkdir=make)
        except OSError as error:
            raise _unreachable(place, error) from error
    return from_url(
        place,
        # Where to is the operator's to say (AWS_ENDPOINT): a store of one's own may speak plain HTTP.
        client_options={"timeout": PATIENCE, "connect_timeout": CONNECTING, "allow_http": True},
        retry_config={"max_retries": RETRIES, "retry_timeout": PATIENCE},
    )


@contextmanager
def _reaching(place: str) -> Generator[None]:
    """Say in our words that a shelf cannot be reached."""
    from obstore.exceptions import BaseError  # noqa: PLC0415

    try:
        yield
    except BaseException as error:
        # An endpoint that is no address is a panic to obstore, which is no Exception and which nothing exports.
        if not isinstance(error, BaseError | FileNotFoundError) and type(error).__name__ != "PanicException":
            raise
        raise _unreachable(place, error) from error


def _unreachable(place: str, error: BaseException) -> UnavailableError:
    # After the first line come obstore's own structures; after `: <`, the page that a server answered with.
    reason = SECRET.sub("", re.split("\n|: <", str(error))[0])
    return UnavailableError(f"{place} cannot be reached: {reason}. Check {NEEDED[place.partition(':')[0]]}.")


def _shown(url: str) -> str:
    return repr(SECRET.sub("…", url))
