"""Writes and reads Protobuf messages with large `bytes` fields without copying these fields.

The Protobuf runtime copies every `bytes` value into its own memory and out again. For tensors of megabytes that
costs more than everything else. In the wire format such a field is a tag, a length and the bytes, and the fields
of a message may be in any order, so they can be written after the rest of the message.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["RAW_INPUT_CONTENTS", "RAW_OUTPUT_CONTENTS", "append_raw", "extract_raw"]

RAW_INPUT_CONTENTS = 7
"""The field number in ModelInferRequest."""
RAW_OUTPUT_CONTENTS = 6
"""The field number in ModelInferResponse."""

DELIMITED = 2
"""The wire type of strings, bytes and messages."""


def append_raw(head: bytes, number: int, buffers: Sequence[bytes | memoryview]) -> bytes:
    """The serialised message `head` with `buffers` as values of its repeated `bytes` field `number`."""
    parts: list[bytes | memoryview] = [head]
    for buffer in buffers:
        parts += (_varint(number << 3 | DELIMITED), _varint(len(buffer)), buffer)
    return b"".join(parts)


def extract_raw(message: bytes, number: int) -> tuple[bytes, list[memoryview]]:
    """A serialised message without its `bytes` field `number`, and views of that field's values.

    Raises `ValueError` if the bytes are not a message of length-delimited fields, as all messages of OIP are.
    """
    view = memoryview(message)
    heads: list[memoryview] = []
    values: list[memoryview] = []
    start = 0
    while start < len(message):
        tag, position = _read_varint(message, start)
        size, position = _read_varint(message, position)
        end = position + size
        if tag & 7 != DELIMITED or end > len(message):
            raise ValueError(f"no length-delimited field at byte {start}")
        if tag >> 3 == number:
            values.append(view[position:end])
        else:
            heads.append(view[start:end])
        start = end
    return b"".join(heads), values


def _varint(value: int) -> bytes:
    octets = bytearray()
    while value > 0x7F:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    octets.append(value)
    return bytes(octets)


def _read_varint(message: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 64, 7):
        if position >= len(message):
            break
        octet = message[position]
        position += 1
        value |= (octet & 0x7F) << shift
        if octet < 0x80:
            return value, position
    raise ValueError(f"no number ends at byte {position}")
