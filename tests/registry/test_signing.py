"""A run is served only if somebody who is trusted has signed it, where that is asked for."""

import os
import shutil
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from knowtrace.cli import app
from knowtrace.errors import RunError
from knowtrace.registry import Run, seal_run
from knowtrace.registry.manifest import Manifest
from knowtrace.registry.signing import SIGNATURE, check_signature, make_keys, sign, trusted_keys
from knowtrace.service.lineup import open_trusted


@pytest.fixture
def copy(tiny_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_run, tmp_path / "run"))


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    private, public = tmp_path / "key.pem", tmp_path / "key.pem.pub"
    make_keys(private, public)
    return private, public


def test_a_signed_run_is_opened_by_who_trusts_the_key(copy: Path, keys: tuple[Path, Path]) -> None:
    private, public = keys
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    sign(copy, private)
    assert open_trusted(copy, trusted_keys([public])).version == Run.open(copy).version


def test_without_a_trusted_signature_nothing_is_opened(
    copy: Path, keys: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = keys
    trusted = trusted_keys([public])
    monkeypatch.setattr(
        Run, "under", lambda _: pytest.fail("a run was opened before its signature was checked")
    )
    with pytest.raises(RunError, match="is not signed"):
        open_trusted(copy, trusted)
    make_keys(tmp_path / "other.pem", tmp_path / "other.pub")
    sign(copy, tmp_path / "other.pem")
    with pytest.raises(RunError, match="by none of the 1 trusted keys"):
        open_trusted(copy, trusted)
    sign(copy, private)
    signature = (copy / SIGNATURE).read_bytes()
    for altered in (signature[:-1] + bytes([signature[-1] ^ 1]), b"", signature * 200):
        (copy / SIGNATURE).write_bytes(altered)
        with pytest.raises(RunError, match=r"by none of|no manifest.json.sig of ours"):
            open_trusted(copy, trusted)
    (copy / SIGNATURE).unlink()
    os.mkfifo(copy / SIGNATURE)
    with pytest.raises(RunError, match="not a plain file"):
        open_trusted(copy, trusted)


def test_a_run_sealed_again_must_be_signed_again(copy: Path, keys: tuple[Path, Path]) -> None:
    private, public = keys
    sign(copy, private)
    (copy / "metrics.json").write_bytes(b"{}")
    seal_run(copy)
    with pytest.raises(RunError, match="its manifest was changed"):
        check_signature(Manifest.of(copy), trusted_keys([public]))


def test_what_is_no_key_is_refused(copy: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    private, public = keys
    nonsense = tmp_path / "nonsense"
    nonsense.write_bytes(b"not a key")
    with pytest.raises(RunError, match="no private key"):
        sign(copy, nonsense)
    with pytest.raises(RunError, match="no private key"):
        sign(copy, public)
    with pytest.raises(RunError, match="no public key"):
        trusted_keys([private])
    with pytest.raises(RunError, match="cannot be read"):
        trusted_keys([tmp_path / "missing"])
    with pytest.raises(RunError, match="is not written over"):
        make_keys(private, tmp_path / "new.pub")


def test_the_command_makes_keys_and_signs(copy: Path, tmp_path: Path) -> None:
    key = tmp_path / "mine.pem"
    done = CliRunner().invoke(app, ["sign", str(copy), "--key", str(key), "--new-keys"])
    assert done.exit_code == 0, done.output
    check_signature(Manifest.of(copy), trusted_keys([Path(f"{key}.pub")]))
    assert CliRunner().invoke(app, ["sign"]).exit_code != 0
