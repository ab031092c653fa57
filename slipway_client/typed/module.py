"""A Python module with the types of questions, answers and explanations of a gateway's models."""

from __future__ import annotations

import ast
import keyword
import re
import textwrap
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from slipway_client.errors import BadAnswer, NotFound
from slipway_client.typed.schemas import Record, Records, one_line, quoted

__all__ = ["model_names", "write_module"]

WIDTH = 110
HEAD = '''"""Types of the models of a Slipway gateway.

Written by `python -m slipway_client.generate`; run it again when models change. With a model's name in capitals, a
type checker knows what it takes and gives:

    client.predict({example}, question)
"""

from __future__ import annotations
{imports}
from slipway_client import Model

__all__ = {names}
'''
IMPORTED = ("Any", "Literal", "NotRequired", "TypedDict")
IN_ANNOTATIONS = {*IMPORTED, "bool", "dict", "float", "int", "list", "str"}
"""A field of a class with such a name would hide the type from the fields after it."""


def model_names(document: Mapping[str, Any]) -> list[str]:
    """Names of the models that the OpenAPI document describes."""
    paths = document.get("paths")
    found = paths if isinstance(paths, Mapping) else {}
    names = [
        str(path).removeprefix("/v1/models/").removesuffix(":predict") for path in found if _is_predict(str(path))
    ]
    return sorted(names)


def write_module(document: Mapping[str, Any], names: Sequence[str] = ()) -> str:
    """The source of the module for these models, or for all.

    Raises `NotFound` for a name that the document does not have, `BadAnswer` for a document without models.
    """
    known = model_names(document)
    if not known:
        raise BadAnswer("the OpenAPI document describes no model; is this the address of a gateway?")
    for name in names:
        if name not in known:
            raise NotFound(f"there is no model {name!r}; there are {', '.join(known)}")
    components = document.get("components")
    schemas = components.get("schemas") if isinstance(components, Mapping) else None
    records = Records(schemas if isinstance(schemas, Mapping) else {})
    models = [_model(document, records, name) for name in sorted(set(names)) or known]
    public = [*sorted(constant for constant, _ in models), *sorted(record.name for record in records.made)]
    listed = "[\n" + "".join(f'    "{name}",\n' for name in public) + "]"
    hidden = IN_ANNOTATIONS | {record.name for record in records.made}
    made = [_record(record, hidden) for record in records.made]
    body = "\n\n\n".join([*made, "\n".join(line for _, line in models)])
    head = HEAD.format(example=models[0][0], imports=_imports(body), names=listed)
    source = f"{head}\n\n{body}\n"
    ast.parse(source)
    return source


def _imports(body: str) -> str:
    """What the module takes from `typing`."""
    used = [name for name in IMPORTED if re.search(rf"\b{name}\b", body)]
    return f"\nfrom typing import {', '.join(used)}\n" if used else ""


def _is_predict(path: str) -> bool:
    name = path.removeprefix("/v1/models/")
    return path.startswith("/v1/models/") and path.endswith(":predict") and "/" not in name


def _model(document: Mapping[str, Any], records: Records, name: str) -> tuple[str, str]:
    """The constant of a model and the line that defines it."""
    path = f"/v1/models/{name}"
    predict = document["paths"][f"{path}:predict"]
    question = _objects(records, _dig(predict, *BODY, "instances", "items"))
    answer = records.annotation(_dig(predict, *ANSWER, "predictions", "items"))
    explain = document["paths"].get(f"{path}:explain")
    explanation = records.annotation(_dig(explain, *ANSWER, "explanations", "items")) if explain else "None"
    constant = records.take(_constant(name))
    types = ", ".join((question, answer, explanation))
    return constant, f"{constant}: Model[{types}] = Model({quoted(name)})"


CONTENT = ("content", "application/json", "schema", "properties")
BODY = ("post", "requestBody", *CONTENT)
ANSWER = ("post", "responses", "200", *CONTENT)


def _dig(node: Any, *keys: str) -> Any:
    """What is below these keys; None where a key is missing."""
    for key in keys:
        node = node.get(key) if isinstance(node, Mapping) else None
    return node


def _objects(records: Records, schema: Any) -> str:
    """The type of a question as an object; a model without an app takes arrays too."""
    options = schema.get("anyOf") if isinstance(schema, Mapping) else None
    named = [one for one in options or () if isinstance(one, Mapping) and "$ref" in one]
    return records.annotation(named[0] if named else schema)


def _constant(name: str) -> str:
    made = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name).upper()
    return made if made.isidentifier() else f"MODEL_{made}"


def _record(record: Record, hidden: Container[str]) -> str:
    """The class of an object. Where a name cannot be that of a field, the call that makes the same class."""
    if all(_is_name(name) and name not in hidden for name, *_ in record.fields):
        body = list(_class_body(record)) or ["    pass"]
        return "\n".join([*_comment_lines(record.text, ""), f"class {record.name}(TypedDict):", *body])
    lines = [
        *_comment_lines(record.text, ""),
        f"{record.name} = TypedDict(",
        f"    {quoted(record.name)},",
        "    {",
    ]
    for name, annotation, required, comment in record.fields:
        lines += _comment_lines(comment, "        ")
        lines.append(f"        {quoted(name)}: {quoted(_wrapped(annotation, required))},")
    return "\n".join([*lines, "    },", ")"])


def _class_body(record: Record) -> Iterable[str]:
    for name, annotation, required, comment in record.fields:
        yield from _comment_lines(comment, "    ")
        yield f"    {name}: {_wrapped(annotation, required)}"


def _comment_lines(text: str, indent: str) -> list[str]:
    return [f"{indent}# {line}" for line in textwrap.wrap(one_line(text), WIDTH - len(indent))]


def _wrapped(annotation: str, required: bool) -> str:
    return annotation if required else f"NotRequired[{annotation}]"


def _is_name(text: str) -> bool:
    # Python changes names that begin with two underscores within a class.
    return text.isascii() and text.isidentifier() and not keyword.iskeyword(text) and not text.startswith("__")
