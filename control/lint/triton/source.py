"""Parse `config.pbtxt`, and find the line of each key.

The parser of the protobuf library does not report lines, so a second pass over the text finds them. Keys have the
form of the findings: `input[0].dims[1]`, `parameters["intra_op_thread_count"].string_value`.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as pb

__all__ = ["Source", "Unknown", "parse", "walk"]

TOKEN = re.compile(r"""#[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|[{}<>\[\]:,;]|[^\s{}<>\[\]:,;#"']+""")
CLOSING = {"{": "}", "<": ">"}
KEY_PART = re.compile(r"(?:\[[^\]]*\]|\.?[^.\[]+)$")


@dataclass(frozen=True)
class Unknown:
    """A field that its message does not have."""

    key: str
    name: str
    line: int
    known: tuple[str, ...]


@dataclass
class Source:
    """The lines of all keys, and the unknown fields. Empty if the file is missing."""

    lines: dict[str, int] = field(default_factory=dict)
    unknown: list[Unknown] = field(default_factory=list)

    def line(self, key: str) -> int:
        """Return the line of a key, else of the nearest parent key, else 1."""
        while key and key not in self.lines:
            key = KEY_PART.sub("", key)
        return self.lines.get(key, 1 if self.lines else 0)


def parse(text: str, source: Source) -> Any:
    """Return the message without its unknown fields. Raises `text_format.ParseError`."""
    return text_format.Parse(text, pb.ModelConfig(), allow_unknown_field=bool(source.unknown))


def walk(text: str) -> Source:
    """Return the lines of all keys and the unknown fields of a text, even if the text cannot be parsed."""
    walker = _Walker(text)
    try:
        while walker.more():
            walker.message(pb.ModelConfig.DESCRIPTOR, "", "")
    except IndexError:
        # The text is incomplete; the parser reports where it ends.
        pass
    return walker.source


class _Walker:
    """Walks over the tokens of a text once, and follows the descriptors of the messages."""

    def __init__(self, text: str) -> None:
        self.source = Source()
        self._tokens: list[tuple[str, int]] = []
        line, end = 1, 0
        for match in TOKEN.finditer(text):
            line += text.count("\n", end, match.start())
            end = match.start()
            if not match[0].startswith("#"):
                self._tokens.append((match[0], line))
        self._at = 0

    def more(self) -> bool:
        return self._at < len(self._tokens)

    def message(self, kind: Any, prefix: str, closing: str) -> None:
        """Walk over the fields of a message up to its closing bracket; `kind` is None inside an unknown field."""
        counts: Counter[str] = Counter()
        while self.more():
            name, line = self._next()
            if name == closing:
                return
            if name in ",;}>":
                continue
            known = kind.fields_by_name if kind is not None else {}
            if kind is not None and name not in known:
                self.source.unknown.append(Unknown(prefix + name, name, line, tuple(known)))
            self._skip(":")
            self._values(known.get(name), name, prefix, counts)

    def _values(self, field: Any, name: str, prefix: str, counts: Counter[str]) -> None:
        """One value, or a list of them in brackets."""
        if self._peek() != "[":
            self._value(field, name, prefix, counts)
            return
        self.source.lines.setdefault(prefix + name, self._next()[1])
        while self._peek() != "]":
            self._value(field, name, prefix, counts)
            self._skip(",")
        self._next()

    def _value(self, field: Any, name: str, prefix: str, counts: Counter[str]) -> None:
        text, line = self._next()
        key = prefix + name
        self.source.lines.setdefault(key, line)
        if field is not None and field.is_repeated:
            key = self._numbered(field, key, counts[name])
            counts[name] += 1
            self.source.lines[key] = line
        if text in CLOSING:
            inner = field.message_type if field is not None else None
            self.message(inner, f"{key}.", CLOSING[text])
        elif text == "-":
            self._next()
        elif text[0] in "\"'":
            # A text may consist of several literals.
            while self.more() and self._peek()[0] in "\"'":
                self._next()

    def _numbered(self, field: Any, key: str, index: int) -> str:
        """Return `key[2]`, or `key["name"]` for an entry of a map, whose name is in the brackets that follow."""
        entry = field.message_type is not None and field.message_type.GetOptions().map_entry
        if not entry:
            return f"{key}[{index}]"
        depth = 0
        for at in range(self._at, len(self._tokens) - 2):
            text = self._tokens[at][0]
            depth += (text in "{<") - (text in "}>")
            if depth < 0:
                break
            if depth == 0 and text == "key" and self._tokens[at + 1][0] == ":":
                return f'{key}["{self._tokens[at + 2][0].strip(chr(34) + chr(39))}"]'
        return f'{key}[""]'

    def _next(self) -> tuple[str, int]:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _peek(self) -> str:
        return self._tokens[self._at][0]

    def _skip(self, text: str) -> None:
        if self.more() and self._peek() == text:
            self._at += 1
