"""Read YAML as the API server does, but strictly: a duplicate key or a key that is not text is a problem."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from control.lint.finding import Finding
from control.lint.manifests.objects.tree import join
from control.lint.rules import manifest_rules

__all__ = ["Document", "Problem", "read"]

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DROPPED = ("timestamp", "value", "int", "float")
_INT = r"^[-+]?(0b[01_]+|0o?[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)$"
_FLOAT = r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$|^[-+]?\.(inf|Inf|INF)$|^\.(nan|NaN|NAN)$"
_MOST = 200_000
"""The most values of a file. Aliases of aliases can expand to any size; the API server refuses such files too."""
_TAG = "tag:yaml.org,2002:"


class _Loader(_Base):  # type: ignore[misc]
    """Reads values as kubectl does.

    There are no dates and no numbers of base 60: `2026-01-01` and `22:30` stay text. `1e3` is a number, and `y`
    and `n` are booleans as `yes` and `no` are.
    """

    bool_values = {**_Base.bool_values, "y": True, "n": False}

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in known if tag.removeprefix(_TAG) not in _DROPPED]
        for first, known in _Base.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver(f"{_TAG}int", re.compile(_INT), list("-+0123456789"))
_Loader.add_implicit_resolver(f"{_TAG}float", re.compile(_FLOAT), list("-+.0123456789"))
_Loader.add_implicit_resolver(f"{_TAG}bool", re.compile(r"^[yYnN]$"), list("yYnN"))


@dataclass(frozen=True)
class Problem:
    """A mistake in the text. `id` is SLW001, SLW002 or SLW006."""

    id: str
    line: int
    field: str
    message: str

    def finding(self, file: str, source: str, written: bool = True) -> Finding:
        """Return the finding for a file that is part of `source`. Only files that were not rendered have lines."""
        return Finding(
            file=file,
            line=self.line if written else 0,
            subject="",
            field=self.field,
            rule=manifest_rules()[self.id],
            problem=self.message,
            sources=(source,),
        )


@dataclass
class Document:
    """One document of a file: its value, the line of each field, and its problems."""

    value: Any
    line: int
    lines: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def read(text: str) -> list[Document]:
    """Return all documents that are not empty. After a syntax error, the last document has the value None."""
    loader = _Loader(text)
    found: list[Document] = []
    try:
        while loader.check_node():
            node = loader.get_node()
            document = Document(None, node.start_mark.line + 1)
            document.problems += _walk(node, "", document.lines)
            document.value = _text_keys(loader.construct_document(node))
            if document.value is not None:
                found.append(document)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        line = mark.line + 1 if mark is not None else 1
        words = getattr(error, "problem", None) or str(error).splitlines()[0]
        found.append(Document(None, line, {}, [Problem("SLW001", line, "", f"line {line}: {words}")]))
    finally:
        loader.dispose()
    return found


def _text_keys(value: Any) -> Any:
    """Turn all keys into text, as JSON does: `8080:` is the key "8080"."""
    if isinstance(value, dict):
        return {_key(key): _text_keys(item) for key, item in value.items()}
    return [_text_keys(item) for item in value] if isinstance(value, list) else value


def _key(key: Any) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)


def _walk(node: yaml.Node, path: str, lines: dict[str, int]) -> Iterator[Problem]:
    lines[path] = node.start_mark.line + 1
    if len(lines) > _MOST:
        raise ValueError(f"the file expands to more than {_MOST} values")
    if isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            yield from _walk(item, join(path, i), lines)
    elif isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, item in node.value:
            line = key.start_mark.line + 1
            name = str(key.value)
            below = join(path, name)
            if key.tag in (f"{_TAG}bool", f"{_TAG}null"):
                yield Problem(
                    "SLW006", line, below, f"line {line}: the key {name} is read as {key.tag[len(_TAG) :]}"
                )
            if name in seen:
                message = f"line {line}: the key {name!r} already exists on line {seen[name]}"
                yield Problem("SLW002", line, below, message)
            seen[name] = line
            yield from _walk(item, below, lines)
            lines[below] = line
