"""Storage by name: a local folder, or `s3://bucket/prefix` in an S3-compatible store, through fsspec.

Credentials, region and endpoint come from the environment variables that every S3 client reads:
`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION`, `AWS_ENDPOINT_URL`. Messages never
show them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec

from training.errors import DataError, StorageError
from training.fit.scratch import scratch

__all__ = ["Location", "is_url", "local_copies"]

SCHEME = "s3://"
CONNECT_SECONDS, READ_SECONDS, ATTEMPTS, ROUNDS = 5, 15, 3, 2
"""`ATTEMPTS` are those of the client for one request, `ROUNDS` those of the file system above it."""
UNREACHABLE = ("EndpointConnectionError", "ConnectTimeoutError", "ConnectionClosedError", "ReadTimeoutError")
REFUSED = ("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError")


def is_url(text: str) -> bool:
    """Whether the name is a URL rather than a local path."""
    return "://" in text


@dataclass(frozen=True)
class Location:
    """A local folder, or a prefix in a bucket. Every method raises `StorageError` when the storage fails."""

    shown: str
    """The name to use in messages."""
    root: str = field(repr=False)
    system: Any = field(repr=False)

    @classmethod
    def of(cls, text: str) -> Location:
        """The location with that name. Does not access it yet."""
        if not is_url(text):
            root = Path(text).resolve()
            return cls(text, str(root), fsspec.filesystem("file", auto_mkdir=True))
        return cls(text, _key(text), _s3())

    @property
    def folder(self) -> Path | None:
        """The local folder; None for a bucket."""
        return None if is_url(self.shown) else Path(self.root)

    def files(self, below: str = "") -> dict[str, int]:
        """Files at any depth: path relative to the location -> size in bytes. Empty when there are none."""
        with _explained(self.shown):
            found = self.system.find(self._at(below), detail=True)
        start = len(self.root) + 1
        return {name[start:]: int(info["size"]) for name, info in found.items() if len(name) > start}

    def is_file(self) -> bool:
        """Whether the location itself is a file."""
        with _explained(self.shown):
            try:
                # `isfile` is also false where the storage does not answer.
                return bool(self.system.info(self.root)["type"] == "file")
            except FileNotFoundError:
                return False

    def read(self, path: str) -> bytes | None:
        """The content of a small file; None when it does not exist."""
        with _explained(f"{self.shown}/{path}"):
            try:
                content: bytes = self.system.cat_file(self._at(path))
            except FileNotFoundError:
                return None
        return content

    def write(self, path: str, content: bytes) -> None:
        """Write a small file in one step, replacing an existing one."""
        with _explained(f"{self.shown}/{path}"):
            self.system.pipe_file(self._at(path), content)

    def fetch(self, path: str, target: Path) -> None:
        """Copy a file to the local path `target`. An empty `path` means the location itself."""
        target.parent.mkdir(parents=True, exist_ok=True)
        with _explained(f"{self.shown}/{path}".rstrip("/")):
            self.system.get_file(self._at(path), str(target))

    def send(self, source: Path, path: str) -> None:
        """Copy the local file `source` to the location."""
        with _explained(f"{self.shown}/{path}"):
            self.system.put_file(str(source), self._at(path))

    def remove(self, paths: Sequence[str]) -> None:
        """Remove files, in the order given."""
        with _explained(self.shown):
            for path in paths:
                self.system.rm_file(self._at(path))

    def _at(self, path: str) -> str:
        return f"{self.root}/{path}" if path else self.root


@contextmanager
def local_copies(given: Sequence[Path | str]) -> Iterator[list[Path]]:
    """Files and folders as local paths. Those in a bucket are copied, and the copies removed after the block.

    A URL that ends with a slash means the files directly below it. Raises `DataError` for a file that does not
    exist, and `StorageError`.
    """
    with scratch("slipway-data-") as folder:
        yield [
            _fetched(text, folder / str(number)) if is_url(text := str(one)) else Path(one)
            for number, one in enumerate(given)
        ]


def _fetched(url: str, folder: Path) -> Path:
    location = Location.of(url)
    folder.mkdir()
    if not url.endswith("/"):
        if not location.is_file():
            raise DataError(f"{url}: there is no such file; check --data (a folder's URL ends with a slash)")
        target = folder / PurePosixPath(location.root).name
        location.fetch("", target)
        return target
    names = [name for name in location.files() if "/" not in name]
    if not names:
        raise DataError(f"{url}: there is no file directly below it; check the URL given with --data")
    for name in names:
        location.fetch(name, folder / name)
    return folder


def _key(url: str) -> str:
    """`bucket/prefix` of an s3:// URL. Raises `StorageError`, whose message never holds a password."""
    scheme, _, rest = url.partition("://")
    if scheme != "s3":
        raise StorageError(f"{scheme}://...: expected a local folder or s3://bucket/prefix")
    bucket, _, prefix = rest.partition("/")
    if "@" in bucket:
        raise StorageError(
            "s3://...@...: credentials do not belong in a URL; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    parts = prefix.removesuffix("/").split("/") if prefix.removesuffix("/") else []
    if not bucket or any(part in ("", ".", "..") for part in parts):
        raise StorageError(f"{url}: expected s3://bucket/prefix")
    return "/".join([bucket, *parts])


def _s3() -> Any:
    try:
        import s3fs  # noqa: F401 - fsspec finds it by name
    except ImportError as cause:
        raise StorageError("s3:// needs the package s3fs: pip install 'slipway[s3]'") from cause
    # Endpoint, region and credentials come from these. A process that was forked needs a client of its own.
    names = [name for name in os.environ if name.startswith("AWS_")] + ["HOME"]
    return _client(os.getpid(), ATTEMPTS, tuple(sorted((name, os.environ.get(name, "")) for name in names)))


@lru_cache(maxsize=4)
def _client(process: int, attempts: int, environment: tuple[tuple[str, str], ...]) -> Any:
    """A client of S3 for this process and environment. Making one takes a third of a second, mostly of parsing."""
    settings = {
        "connect_timeout": CONNECT_SECONDS,
        "read_timeout": READ_SECONDS,
        "retries": {"mode": "standard", "total_max_attempts": attempts},
    }
    region = dict(environment).get("AWS_REGION", "")
    system = fsspec.filesystem(
        "s3",
        client_kwargs={"region_name": region} if region else {},
        config_kwargs=settings,
        use_listings_cache=False,
        # Its own cache would keep the endpoint and the credentials of an earlier environment.
        skip_instance_cache=True,
    )
    system.retries = ROUNDS
    return system


@contextmanager
def _explained(shown: str) -> Iterator[None]:
    """Turn errors of the storage client into a `StorageError` that says what to do."""
    try:
        yield
    except _failures() as cause:
        raise StorageError(f"{shown}: {_meaning(cause)}") from cause


def _failures() -> tuple[type[Exception], ...]:
    if "botocore" not in sys.modules:
        return (OSError,)
    from botocore.exceptions import BotoCoreError, ClientError

    return (OSError, BotoCoreError, ClientError)


def _meaning(cause: Exception) -> str:
    name = type(cause).__name__
    said = (str(cause).strip() or name).splitlines()[0][:200]
    if name in REFUSED:
        return "no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    if name in UNREACHABLE or isinstance(cause, (TimeoutError, ConnectionError)):
        return f"the store cannot be reached; check AWS_ENDPOINT_URL and the network ({said})"
    if isinstance(cause, PermissionError):
        return f"not permitted; the credentials need to list, read and write there ({said})"
    if isinstance(cause, FileNotFoundError):
        return f"there is no such bucket, folder or file; check its name and AWS_ENDPOINT_URL ({said})"
    return said
