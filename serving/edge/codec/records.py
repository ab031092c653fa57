"""JSON to an app's own types, questions and records of its collection, and answers to JSON."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from types import GenericAlias
from typing import Any, cast

import msgspec

from serving.kernel.errors import Invalid, TooLarge
from serving.kernel.json_text import decode_json

__all__ = ["IDENTITY", "MOST_RECORDS", "decode_instances", "decode_record", "decode_records", "encode_records"]

ENCODER = msgspec.json.Encoder()
MOST_RECORDS = 1000
"""Most records of a collection in one request or on one page."""
IDENTITY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
"""Ids are path segments, so they have no character that a URL or a proxy treats specially."""


@lru_cache(maxsize=256)
def _decoder(kind: Any, key: str) -> msgspec.json.Decoder[Any]:
    fields = [(key, GenericAlias(list, (kind,)))]
    # A question that may be an object or an array is a union, which has no name.
    name = getattr(kind, "__name__", "Question")
    envelope = msgspec.defstruct(f"{name}{key.title()}", fields, forbid_unknown_fields=True)
    return msgspec.json.Decoder(envelope)


@lru_cache(maxsize=256)
def _single(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def decode_instances(question: type[Any], raw: bytes, max_rows: int) -> list[Any]:
    """The questions of a v1 request. Raises `Malformed`, `Invalid` or `TooLarge`, each naming the JSON path."""
    questions: list[Any] = decode_json(_decoder(cast(Any, question), "instances"), raw).instances
    if not questions:
        raise Invalid("$.instances", "must hold at least 1 instance")
    if len(questions) > max_rows:
        raise TooLarge(f"$.instances: {len(questions)} instances; at most {max_rows} are allowed in one request")
    return questions


def decode_record(kind: type[Any], raw: bytes) -> Any:
    """One record of a collection. Raises `Malformed` or `Invalid` naming the JSON path."""
    record: Any = decode_json(_single(cast(Any, kind)), raw)
    _check_identity(record.id, "$")
    return record


def decode_records(kind: type[Any], raw: bytes) -> list[Any]:
    """Records of a collection, each id once. Raises `Malformed`, `Invalid` or `TooLarge`, naming the JSON path."""
    records: list[Any] = decode_json(_decoder(cast(Any, kind), "records"), raw).records
    if not records:
        raise Invalid("$.records", "must hold at least 1 record")
    if len(records) > MOST_RECORDS:
        raise TooLarge(f"$.records: {len(records)} records; at most {MOST_RECORDS} are allowed in one request")
    seen: dict[str, int] = {}
    for index, record in enumerate(records):
        _check_identity(record.id, f"$.records[{index}]")
        first = seen.setdefault(record.id, index)
        if first != index:
            raise Invalid(f"$.records[{index}].id", f"{record.id!r} is also the id of $.records[{first}]")
    return records


def _check_identity(identity: str, path: str) -> None:
    if not IDENTITY.fullmatch(identity):
        raise Invalid(
            f"{path}.id",
            f"must be 1 to 128 of A-Z a-z 0-9 . _ -, and must not start with . or -, got {identity[:100]!r}",
        )


def encode_records(key: str, records: Sequence[Any], model: str, version: int | str, request_id: str) -> bytes:
    """A v1 answer; NaN and infinity are written as null."""
    return ENCODER.encode(
        {key: records, "model_name": model, "model_version": str(version), "request_id": request_id}
    )
