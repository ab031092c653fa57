"""The one reader and writer of `manifest.json`, `aliases.json` and `golden.jsonl`.

Bytes go in and typed objects come out, so a file of a local folder and an object of a bucket are read alike. What
cannot be read raises `Refused`, whose message starts with the file's name.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import msgspec

from serving.kernel.storage.version_manifest import (
    ALIASES_NAME,
    GOLDEN_NAME,
    MANIFEST_NAME,
    SIGNATURE_NAME,
    Aliases,
    FileDigest,
    GoldenRow,
    Manifest,
    digest_file,
)

__all__ = [
    "Refused",
    "decode_aliases",
    "decode_context",
    "decode_golden",
    "decode_manifest",
    "digest_folder",
    "encode_aliases",
    "encode_golden",
    "encode_manifest",
    "identify_files",
    "read_file",
    "read_manifest",
    "verify_folder",
]

T = TypeVar("T")
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What bytes that are not JSON, not UTF-8 or nested too deep raise."""
MOST_BYTES = 2**28
"""Of a file that is read whole into memory; none that training writes has a hundredth of that."""


class Refused(Exception):
    """A version is not what was published, or does not answer as it did when it was trained."""


def decode_manifest(content: bytes, app: str = "", version: int = 0) -> Manifest:
    """The manifest, which must be of that app and version if they are given. Raises `Refused`."""
    manifest = _decode(MANIFEST_NAME, content, Manifest)
    if app and (manifest.model, manifest.version) != (app, version):
        raise Refused(f"{MANIFEST_NAME} is of {manifest.model} version {manifest.version}")
    return manifest


def encode_manifest(manifest: Manifest) -> bytes:
    """The manifest as indented JSON; equal manifests have equal bytes."""
    return msgspec.json.format(msgspec.json.encode(manifest, order="deterministic")) + b"\n"


def decode_context(manifest: Manifest, kind: type[T]) -> T:
    """The app's own part of a manifest. Raises `Refused`."""
    return _decode(f"{MANIFEST_NAME}: context", manifest.context, kind)


def decode_aliases(content: bytes | None) -> Aliases:
    """The aliases; both are None if there is no such file (None). Raises `Refused`."""
    return Aliases() if content is None else _decode(ALIASES_NAME, content, Aliases)


def encode_aliases(aliases: Aliases) -> bytes:
    """The aliases as one line of JSON, without number and signatures if they are not signed."""
    plain = {"champion": aliases.champion, "challenger": aliases.challenger}
    return msgspec.json.encode(aliases if aliases.signatures else plain) + b"\n"


def decode_golden(content: bytes) -> list[GoldenRow]:
    """Golden rows, in order. Raises `Refused`."""
    try:
        return msgspec.json.Decoder(GoldenRow).decode_lines(content)
    except UNREADABLE as cause:
        raise Refused(f"{GOLDEN_NAME}: {cause}") from cause


def encode_golden(rows: Iterable[GoldenRow]) -> bytes:
    """One line of JSON for each row."""
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


def read_file(path: Path) -> bytes | None:
    """The bytes of a regular file; None if there is none. Raises `Refused`.

    A pipe is not waited for, and a device, which may have no end, is not read.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                raise Refused(f"{path.name}: {path} is not a regular file")
            if found.st_size > MOST_BYTES:
                raise Refused(f"{path.name} has {found.st_size} bytes; at most {MOST_BYTES} are read")
            with open(handle, "rb", closefd=False) as stream:
                return stream.read(MOST_BYTES)
        finally:
            os.close(handle)
    except FileNotFoundError:
        return None
    except OSError as cause:
        raise Refused(f"{path.name}: {cause}") from cause


def read_manifest(folder: Path, app: str = "", version: int = 0) -> Manifest:
    """`decode_manifest` of the file in a local folder. Raises `Refused`."""
    content = read_file(folder / MANIFEST_NAME)
    if content is None:
        raise Refused(f"{MANIFEST_NAME}: there is no such file")
    return decode_manifest(content, app, version)


def verify_folder(folder: Path, manifest: Manifest) -> None:
    """Raise `Refused` for the first file that is missing, a link, not listed, or has another digest."""
    actual = _files(folder)
    for name in sorted(actual.keys() ^ manifest.files.keys()):
        raise Refused(f"{name} is missing" if name in manifest.files else f"{name} is not in the manifest")
    for name, published in manifest.files.items():
        size = actual[name].stat().st_size
        if size > published.bytes:  # a file that was blown up is not read to its end
            raise Refused(f"{name} has {size} bytes, published were {published.bytes}")
        found = digest_file(actual[name])
        if found != published:
            raise Refused(f"{name}: sha256 is {found.sha256[:12]}, published was {published.sha256[:12]}")


def digest_folder(folder: Path) -> dict[str, FileDigest]:
    """The digests of a folder's files, as its manifest has to list them. Raises `Refused` for a link."""
    return {name: digest_file(path) for name, path in sorted(_files(folder).items())}


def identify_files(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Inode, size and time of change of every file. Nobody but root can set that time. Raises `Refused`."""
    found = {}
    for name, path in _files(folder).items():
        try:
            state = path.stat()
        except OSError as cause:
            raise Refused(f"{name}: {cause.strerror or cause}") from cause
        found[name] = (state.st_ino, state.st_size, state.st_ctime_ns)
    return found


def _files(folder: Path) -> dict[str, Path]:
    """A version folder's files other than the manifest and its signature, by their path below the folder.

    Raises `Refused` for a link or a device: what is behind it may change after it was verified.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise Refused(f"{name} is a symbolic link; a version must hold its files itself")
        if path.is_file():
            found[name] = path
        elif not path.is_dir():
            raise Refused(f"{name} is not a regular file")
    for name in (MANIFEST_NAME, SIGNATURE_NAME):
        found.pop(name, None)
    return found


def _decode(name: str, content: bytes | msgspec.Raw, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(content, type=kind)
    except UNREADABLE as cause:
        raise Refused(f"{name}: {cause}") from cause
