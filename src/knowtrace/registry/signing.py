"""Who vouches for a run: an Ed25519 signature over its manifest, which in turn vouches for every byte.

The manifest's hashes show that a run is whole; the signature shows that somebody we trust sealed it.
"""

from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from knowtrace.errors import RunError
from knowtrace.registry.manifest import MANIFEST, Manifest, read_plainly

SIGNATURE = f"{MANIFEST}.sig"
LARGEST_KEY_BYTES = 4_096


def make_keys(private: Path, public: Path) -> None:
    """Write a new pair of keys; the private one is readable by its owner alone.

    Raises:
        RunError: one of the files exists.
    """
    for path in (private, public):
        if path.exists():
            raise RunError(f"{path} exists: a key is not written over. Name another file.")
    key = Ed25519PrivateKey.generate()
    private.touch(mode=0o600)
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def sign(run: Path, private: Path) -> None:
    """Write the signature of a sealed run beside its manifest.

    Raises:
        RunError: there is no manifest, or the key is no private Ed25519 key.
    """
    manifest = run / MANIFEST
    if not manifest.is_file():
        raise RunError(f"No finished run at {run}: {MANIFEST} is missing. Train it first.")
    try:
        key = load_pem_private_key(_key_bytes(private), password=None)
    except (ValueError, TypeError) as error:
        raise RunError(f"{private} is no private key in PEM: {error}.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise RunError(f"{private} is no Ed25519 key: `knowtrace sign --new-keys` makes a pair.")
    (run / SIGNATURE).write_bytes(key.sign(manifest.read_bytes()))


def trusted_keys(paths: Sequence[Path]) -> list[Ed25519PublicKey]:
    """Read the public keys of those whose runs may be served.

    Raises:
        RunError: a file is missing or no public Ed25519 key.
    """
    keys: list[Ed25519PublicKey] = []
    for path in paths:
        try:
            key = load_pem_public_key(_key_bytes(path))
        except ValueError as error:
            raise RunError(f"{path} is no public key in PEM: {error}.") from error
        if not isinstance(key, Ed25519PublicKey):
            raise RunError(f"{path} is no Ed25519 public key: `knowtrace sign --new-keys` makes a pair.")
        keys.append(key)
    return keys


def check_signature(manifest: Manifest, keys: Sequence[Ed25519PublicKey]) -> None:
    """Check that one of the keys has signed a manifest as it was read.

    Raises:
        RunError: there is no signature, or none of a trusted key.
    """
    run = manifest.folder
    if not (run / SIGNATURE).exists():
        raise RunError(
            f"The run at {run} is not signed, and this installation only serves signed ones. "
            "Sign it: knowtrace sign RUN --key FILE."
        )
    check_signed(manifest.raw, read_plainly(run / SIGNATURE, LARGEST_KEY_BYTES), keys, run)


def check_signed(manifest: bytes, signature: bytes, keys: Sequence[Ed25519PublicKey], run: object) -> None:
    """Check that one of the keys has signed the bytes of a manifest; `run` is how the error calls it.

    Raises:
        RunError: none of them has.
    """
    for key in keys:
        try:
            key.verify(signature, manifest)
        except InvalidSignature:
            continue
        return
    raise RunError(
        f"The signature of the run at {run} is by none of the {len(keys)} trusted keys, or its manifest was changed. "
        "Sign it again with a trusted key."
    )


def _key_bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST_KEY_BYTES:
            raise RunError(f"{path} is larger than {LARGEST_KEY_BYTES} bytes: this is no key.")
        return path.read_bytes()
    except OSError as error:
        raise RunError(f"The key {path} cannot be read: {error.strerror}.") from error
