"""A malformed request as data, and what it may be aimed at. Nothing here knows a particular server or model."""

from __future__ import annotations

import copy
import http.client
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Target:
    """A model to aim at: one with a single FP32 input of shape (rows, `width`) and a whole-number record field."""

    model: str
    instance: dict[str, Any]
    integer: str
    """Name of a required whole-number field of the instance."""
    low: int
    high: int
    input: str
    width: int
    output: str
    max_rows: int = 4096
    max_body_bytes: int = 16 * 2**20

    def instances(self, **changes: Any) -> bytes:
        """A v1 body with one instance, changed; a change to `...` takes the field away."""
        record = copy.deepcopy(self.instance) | changes
        kept = {key: value for key, value in record.items() if value is not ...}
        return json.dumps({"instances": [kept]}).encode()

    def numbers(self, rows: int = 1) -> list[float]:
        return [1.0] * (self.width * rows)

    def tensor(self, **changes: Any) -> dict[str, Any]:
        """A valid JSON tensor, changed; a change to `...` takes the key away."""
        made = {"name": self.input, "datatype": "FP32", "shape": [1, self.width], "data": self.numbers()} | changes
        return {key: value for key, value in made.items() if value is not ...}

    def tensors(self, **changes: Any) -> bytes:
        """A v2 JSON body with one tensor, changed."""
        return json.dumps({"inputs": [self.tensor(**changes)]}).encode()

    def raw(self, rows: int = 1) -> bytes:
        """The tensor's bytes."""
        return struct.pack(f"<{self.width * rows}f", *self.numbers(rows))


Body = bytes | Callable[[Target], bytes]


@dataclass(frozen=True)
class Case:
    """One malformed HTTP request, the status it must get and words its message must hold.

    `{model}`, `{input}` and so on in `path` and `says` stand for the target's fields.
    """

    name: str
    path: str
    body: Body
    status: int
    says: tuple[str, ...]
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=dict)
    json_length: Callable[[Target], str] | None = None
    """The value of Inference-Header-Content-Length."""

    def expected(self, target: Target) -> list[str]:
        return [words.format(**vars(target)) for words in self.says]


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    def message(self) -> str:
        """The error's text, having checked that its form is the door's."""
        document = json.loads(self.body)
        if self.headers["content-type"] == "application/problem+json":
            assert set(document) >= {"type", "title", "status", "detail", "request_id"}, document
            assert document["status"] == self.status
            assert document["request_id"] == self.headers["x-request-id"]
            return str(document["detail"])
        assert self.headers["content-type"] == "application/json"
        assert set(document) == {"error"}, document
        return str(document["error"])


def send(address: str, case: Case, target: Target, timeout: float = 10.0) -> Reply:
    """Send the case to `host:port`."""
    body = case.body if isinstance(case.body, bytes) else case.body(target)
    headers = {"content-type": "application/json", **case.headers}
    if case.json_length is not None:
        headers["inference-header-content-length"] = case.json_length(target)
    connection = http.client.HTTPConnection(address, timeout=timeout)
    try:
        connection.request(case.method, case.path.format(**vars(target)), body, headers)
        answer = connection.getresponse()
        return Reply(answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def check(reply: Reply, case: Case, target: Target) -> None:
    """The status and every expected word."""
    message = reply.message()
    assert reply.status == case.status, f"{reply.status} {message}"
    for words in case.expected(target):
        assert words in message, message
    assert "Traceback" not in message and "File " not in message
    assert reply.headers["x-request-id"]
