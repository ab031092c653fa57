"""Places by name: a folder of this machine, or `s3://bucket/prefix` of an S3-compatible store, through fsspec.

Credentials, region and endpoint come from the environment, by the names that every S3 client knows:
`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION`, `AWS_ENDPOINT_URL`. None is shown.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec

from training.errors import BucketError, DataError

__all__ = ["Place", "at_hand", "is_url"]

SCHEME = "s3://"
CONNECT_SECONDS, READ_SECONDS, ATTEMPTS, ROUNDS = 5, 60, 4, 2
"""The client makes so many attempts at a request, and the file system above it goes so many rounds."""
UNREACHABLE = ("EndpointConnectionError", "ConnectTimeoutError", "ConnectionClosedError", "ReadTimeoutError")
REFUSED = ("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError")


def is_url(text: str) -> bool:
    """Whether a name is that of a bucket rather than of a folder or file here."""
    return "://" in text


@dataclass(frozen=True)
class Place:
    """A folder, or a prefix of a bucket. Every method raises `BucketError` when the place does not do as asked."""

    shown: str
    root: str = field(repr=False)
    system: Any = field(repr=False)

    @classmethod
    def of(cls, text: str) -> Place:
        """The place of that name; nothing is asked of it yet."""
        if not is_url(text):
            root = Path(text).resolve()
            return cls(text, str(root), fsspec.filesystem("file", auto_mkdir=True))
        return cls(text, _key(text), _s3())

    @property
    def folder(self) -> Path | None:
        """The folder, when it is one of this machine."""
        return None if is_url(self.shown) else Path(self.root)

    def files(self, below: str = "") -> dict[str, int]:
        """Files at any depth, by path below the place, with their sizes in bytes. Empty where nothing is."""
        with _told(self.shown):
            found = self.system.find(self._at(below), detail=True)
        start = len(self.root) + 1
        return {name[start:]: int(info["size"]) for name, info in found.items() if len(name) > start}

    def has(self) -> bool:
        """Whether the place itself is a file."""
        with _told(self.shown):
            found: bool = self.system.isfile(self.root)
        return found

    def read(self, path: str) -> bytes | None:
        """The content of a small file; None when there is none of that name."""
        with _told(f"{self.shown}/{path}"):
            try:
                content: bytes = self.system.cat_file(self._at(path))
            except FileNotFoundError:
                return None
        return content

    def write(self, path: str, content: bytes) -> None:
        """Put a small file there in one step, over one of the same name."""
        with _told(f"{self.shown}/{path}"):
            self.system.pipe_file(self._at(path), content)

    def fetch(self, path: str, target: Path) -> None:
        """Copy a file from there to here; a path that is empty means the place itself."""
        target.parent.mkdir(parents=True, exist_ok=True)
        with _told(f"{self.shown}/{path}".rstrip("/")):
            self.system.get_file(self._at(path), str(target))

    def send(self, source: Path, path: str) -> None:
        """Copy a file from here to there."""
        with _told(f"{self.shown}/{path}"):
            self.system.put_file(str(source), self._at(path))

    def remove(self, paths: Sequence[str]) -> None:
        """Remove files, in the order given."""
        with _told(self.shown):
            for path in paths:
                self.system.rm_file(self._at(path))

    def _at(self, path: str) -> str:
        return f"{self.root}/{path}" if path else self.root


@contextmanager
def at_hand(given: Sequence[Path | str]) -> Iterator[list[Path]]:
    """Files and folders as paths of this machine; those of a bucket are copied for the time of the block.

    A URL that ends with a slash is a folder: the files right below it. Raises `DataError` for one that is not
    there, and `BucketError`.
    """
    with tempfile.TemporaryDirectory(prefix="slipway-data-") as scratch:
        yield [
            _fetched(text, Path(scratch) / str(number)) if is_url(text := str(one)) else Path(one)
            for number, one in enumerate(given)
        ]


def _fetched(url: str, folder: Path) -> Path:
    place = Place.of(url)
    folder.mkdir()
    if not url.endswith("/"):
        if not place.has():
            raise DataError(f"{url}: there is no such file; check --data (a folder's URL ends with a slash)")
        target = folder / PurePosixPath(place.root).name
        place.fetch("", target)
        return target
    names = [name for name in place.files() if "/" not in name]
    if not names:
        raise DataError(f"{url}: there is no file right below it; check the URL given with --data")
    for name in names:
        place.fetch(name, folder / name)
    return folder


def _key(url: str) -> str:
    """`bucket/prefix` of an s3:// URL. Raises `BucketError`, without what may be a password."""
    scheme, _, rest = url.partition("://")
    if scheme != "s3":
        raise BucketError(f"{scheme}://...: expected a folder of this machine or s3://bucket/prefix")
    bucket, _, prefix = rest.partition("/")
    if "@" in bucket:
        raise BucketError(
            "s3://...@...: credentials do not belong in a URL; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    parts = prefix.removesuffix("/").split("/") if prefix.removesuffix("/") else []
    if not bucket or any(part in ("", ".", "..") for part in parts):
        raise BucketError(f"{url}: expected s3://bucket/prefix")
    return "/".join([bucket, *parts])


def _s3() -> Any:
    try:
        import s3fs  # noqa: F401 - fsspec finds it by name
    except ImportError as cause:
        raise BucketError("s3:// needs the package s3fs: pip install 'slipway[s3]'") from cause
    settings = {
        "connect_timeout": CONNECT_SECONDS,
        "read_timeout": READ_SECONDS,
        "retries": {"mode": "standard", "total_max_attempts": ATTEMPTS},
    }
    region = os.environ.get("AWS_REGION", "")
    system = fsspec.filesystem(
        "s3",
        client_kwargs={"region_name": region} if region else {},
        config_kwargs=settings,
        use_listings_cache=False,
        # A cached one would keep the endpoint and the credentials of an earlier environment.
        skip_instance_cache=True,
    )
    system.retries = ROUNDS
    return system


@contextmanager
def _told(shown: str) -> Iterator[None]:
    """Turn what the store's client raises into one error that says what to do."""
    try:
        yield
    except _failures() as cause:
        raise BucketError(f"{shown}: {_meaning(cause)}") from cause


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
