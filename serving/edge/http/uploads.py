"""A request body of any size, streamed to a file on disk.

A route that takes uploads is a `Route` with `reads_body=False` and a `max_body_bytes` of its own. Its handler
opens `uploaded` as a context. The middleware limits the size and the time of the body and decompresses it, as for
any other route. The file is removed at the end of the context, whatever happened, unless the handler has moved it.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from serving.edge.http.request_body import DisconnectWatch, read_part
from serving.edge.request_life import Request
from serving.kernel.errors import Malformed, TooLarge

__all__ = ["Upload", "uploaded"]

BUFFER = 2**20
"""Bytes that are written at a time, by a thread."""
MAX_FIELDS_BYTES = 2**16
"""Bytes of all fields of a form together that are not the file: names, values and headers."""


@dataclass(frozen=True, slots=True)
class Upload:
    """What was uploaded. `fields` are those of a form beside its file, `filename` is as the client says it."""

    path: Path
    size: int
    sha256: str
    filename: str = ""
    fields: dict[str, str] = field(default_factory=dict)


@asynccontextmanager
async def uploaded(request: Request, folder: Path) -> AsyncIterator[Upload]:
    """The body as a file in `folder`: the only file of a `multipart/form-data` form, else the whole body.

    A client that leaves while the context runs ends it with `ClientGone`. Raises `Malformed` for a form that does
    not have exactly one file, and whatever the middleware raises for a body that is too large or too late.
    """
    if request.receive is None:
        raise RuntimeError(f"{request.route}: the route must be declared with reads_body=False")
    file = _File(folder)
    try:
        form = _form_of(request, file)
        more = True
        while more:
            part, more = await read_part(request.receive)
            if form is None:
                file.add(part)
            else:
                form.feed(part)
            await file.write(BUFFER)
        if form is not None:
            form.finish()
        await file.finish()
        with DisconnectWatch(request.receive):
            yield file.upload(form)
    finally:
        # A cancelled request must not leave before its file is gone.
        await asyncio.shield(file.remove())


class _File:
    """A new file that is hashed as it is written. Writes happen in a thread, one at a time."""

    def __init__(self, folder: Path) -> None:
        descriptor, name = tempfile.mkstemp(prefix="upload-", dir=folder)
        self.path = Path(name)
        self._file: BinaryIO = os.fdopen(descriptor, "wb")
        self._hash = hashlib.sha256()
        self._buffer = bytearray()
        self._size = 0
        self._writing: asyncio.Future[None] | None = None

    def add(self, data: bytes) -> None:
        """Take some bytes; `write` writes them."""
        self._buffer += data

    async def write(self, at_least: int) -> None:
        """Write what was taken, if it is enough."""
        if len(self._buffer) < at_least:
            return
        data, self._buffer = self._buffer, bytearray()
        self._size += len(data)
        self._writing = asyncio.get_running_loop().run_in_executor(None, self._append, data)
        await asyncio.shield(self._writing)

    async def finish(self) -> None:
        """Write the rest and close the file."""
        await self.write(1)
        await asyncio.to_thread(self._file.close)

    async def remove(self) -> None:
        """Close and remove the file, unless it was moved. A write that has begun ends first."""
        if self._writing is not None:
            await asyncio.wait({self._writing})
        await asyncio.to_thread(self._remove)

    def upload(self, form: _Form | None) -> Upload:
        """What was written."""
        facts = (self.path, self._size, self._hash.hexdigest())
        return Upload(*facts) if form is None else Upload(*facts, form.filename, form.fields)

    def _append(self, data: bytearray) -> None:
        self._hash.update(data)
        self._file.write(data)

    def _remove(self) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)


class _Form:
    """A form in `multipart/form-data`: one file, which goes to `file`, and small fields."""

    def __init__(self, boundary: bytes, file: _File) -> None:
        self.filename = ""
        self.fields: dict[str, str] = {}
        self._file = file
        self._files = 0
        self._ended = False
        self._in_file = False
        self._small = 0
        self._headers: dict[bytes, bytes] = {}
        self._name, self._value = b"", b""
        self._field = ""
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._headers.clear,
                "on_header_field": self._on_header_name,
                "on_header_value": self._on_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers,
                "on_part_data": self._on_data,
                "on_part_end": self._on_part_end,
                "on_end": self._on_end,
            },
        )

    def feed(self, data: bytes) -> None:
        """Parse some more. Raises `Malformed`, `TooLarge`."""
        try:
            self._parser.write(data)
        except FormParserError as cause:
            raise Malformed("the body is not valid multipart/form-data") from cause

    def finish(self) -> None:
        """The body is complete. Raises `Malformed`."""
        if not self._ended:
            raise Malformed("the multipart/form-data body ends too early")
        if self._files != 1:
            raise Malformed(f"the form must have exactly one file, got {self._files}")

    def _on_header_name(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._name += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name, self._value = b"", b""

    def _on_headers(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._in_file = b"filename" in options
        self._field = options.get(b"name", b"").decode("utf-8", "replace")
        if self._in_file:
            self._files += 1
            self.filename = options[b"filename"].decode("utf-8", "replace")
        elif not self._field:
            raise Malformed("each part of the form must have a name")

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if not self._in_file:
            self._on_value(data, start, end)
        elif self._files == 1:
            self._file.add(data[start:end])

    def _on_part_end(self) -> None:
        if not self._in_file:
            self.fields[self._field] = self._value.decode("utf-8", "replace")
        self._value = b""

    def _on_end(self) -> None:
        self._ended = True

    def _count(self, size: int) -> None:
        self._small += size
        if self._small > MAX_FIELDS_BYTES:
            raise TooLarge(f"the fields of the form have more than the {MAX_FIELDS_BYTES} bytes that are allowed")


def _form_of(request: Request, file: _File) -> _Form | None:
    """The form that the body is, by its content type; None: the body itself is the file."""
    kind, options = parse_options_header(request.headers.get(b"content-type"))
    if kind != b"multipart/form-data":
        return None
    boundary = options.get(b"boundary")
    if not boundary:
        raise Malformed("content-type: multipart/form-data must have a boundary")
    return _Form(boundary, file)
