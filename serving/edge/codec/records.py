"""KServe v1: `{"instances": [...]}` straight into an app's question type, and answers back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from types import GenericAlias
from typing import Any, cast

import msgspec

from serving.edge.codec.jsontext import decode_json
from serving.errors import Invalid, TooLarge

__all__ = ["decode_instances", "encode_records"]

ENCODER = msgspec.json.Encoder()


@lru_cache(maxsize=256)
def _decoder(question: Any) -> msgspec.json.Decoder[Any]:
    fields = [("instances", GenericAlias(list, (question,)))]
    envelope = msgspec.defstruct(f"{question.__name__}Instances", fields, forbid_unknown_fields=True)
    return msgspec.json.Decoder(envelope)


def decode_instances(question: type[Any], raw: bytes, max_rows: int) -> list[Any]:
    """The questions of a v1 request. Raises `Malformed`, `Invalid` or `TooLarge`, each naming the place."""
    questions: list[Any] = decode_json(_decoder(cast(Any, question)), raw).instances
    if not questions:
        raise Invalid("$.instances", "must hold at least 1 instance")
    if len(questions) > max_rows:
        raise TooLarge(f"$.instances: {len(questions)} instances; at most {max_rows} are allowed in one request")
    return questions


def encode_records(key: str, records: Sequence[Any], model: str, version: int | str, request_id: str) -> bytes:
    """A v1 answer; NaN and infinity are written as null."""
    return ENCODER.encode(
        {key: records, "model_name": model, "model_version": str(version), "request_id": request_id}
    )
