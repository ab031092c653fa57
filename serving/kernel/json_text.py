"""Decodes JSON to typed values. Every failure is a `ClientError` that names the field and what is allowed.

Where an integer is wanted, 5.0 and 5e0 are read as 5, as JSON Schema does. msgspec refuses them; a text that it
has refused for this is decoded a second time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from serving.kernel.errors import ClientError, Invalid, Malformed

__all__ = ["decode_json", "translate"]

T = TypeVar("T")
AT = re.compile(r"^(?P<what>.*) - at (?:key in )?`\$(?P<path>.*?)`$", re.DOTALL)
UNKNOWN = re.compile(r"^Object contains unknown field `(?P<name>.*)`$", re.DOTALL)
MISSING = re.compile(r"^Object missing required field `(?P<name>.*)`$", re.DOTALL)
WRONG_TYPE = re.compile(r"^Expected `.*`, got `(?P<got>.*)`$")
FLOAT_FOR_INT = re.compile(r"^Expected `[^`]*\bint\b[^`]*`, got `float`")
OUT_OF_RANGE = re.compile(r"^Expected `.*?`(?P<length> of length)? .*\d$")
AT_BYTE = re.compile(r"\(byte (\d+)\)$")
EXACT = 2**53
"""Beyond it a float may stand for several integers."""
MENDED_BYTES = 2**20
"""Larger texts are not decoded a second time, which would take many times their size."""
JSON_NAMES = {
    "str": "a string",
    "int": "a whole number",
    "float": "a number with a decimal point",
    "bool": "true or false",
}
JSON_NAMES |= {"array": "a list", "object": "an object"}


def decode_json(decoder: msgspec.json.Decoder[T], raw: bytes | memoryview, prefix: str = "$") -> T:
    """Decode with `decoder`. Paths in messages start with `prefix`.

    Raises `Malformed` if the bytes are not JSON, and `Invalid` for a wrong type or a value out of range.
    """
    try:
        return _decode(decoder, raw)
    except msgspec.ValidationError as cause:
        raise translate(cause, decoder.type, prefix) from cause
    except msgspec.DecodeError as cause:
        text = str(cause).removeprefix("JSON is malformed: ")
        if "truncated" in text:
            text = f"it ends too early, after {len(raw)} bytes"
        elif _is_literal(raw, text):
            text += "; it has no NaN and no infinity, null stands for a number that is not known"
        raise Malformed(
            f"{prefix}: not valid JSON: {text}" if len(raw) else "the body is empty; JSON was expected"
        ) from cause
    except UnicodeDecodeError as cause:
        raise Malformed(f"{prefix}: not valid UTF-8 (byte {cause.start} of a string)") from cause
    except RecursionError as cause:
        raise Malformed(f"{prefix}: nested too deeply") from cause


def _decode(decoder: msgspec.json.Decoder[T], raw: bytes | memoryview) -> T:
    kind: Any = decoder.type
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as cause:
        small = len(raw) <= MENDED_BYTES
        mend = _mender(kind) if small and FLOAT_FOR_INT.match(str(cause)) else None
        if mend is None:
            raise
    value = mend(msgspec.json.decode(raw))
    made: T = msgspec.convert(value, kind, strict=decoder.strict, str_keys=True, dec_hook=decoder.dec_hook)
    return made


def _is_literal(raw: bytes | memoryview, text: str) -> bool:
    """Whether the byte that msgspec names begins NaN or Infinity, as many programs write them."""
    found = AT_BYTE.search(text)
    if found is None:
        return False
    at = int(found[1])
    # After an n, which may begin null, msgspec looks at the next bytes and names the one behind them.
    return bytes(raw[at : at + 3]) in (b"NaN", b"Inf", b"inf") or bytes(raw[max(at - 4, 0) : at - 1]) == b"nan"


Mend = Callable[[Any], Any]
"""Takes a decoded value apart and gives it back with integers where its type wants them."""


@lru_cache(maxsize=256)
def _mender(kind: Any) -> Mend | None:
    return _mend(msgspec.inspect.type_info(kind), {})


def _mend(here: Any, structs: dict[type, dict[str, Mend]]) -> Mend | None:
    """What mends a value of this type; None if no part of it is an integer. `structs` are those seen before."""
    here = _bare(here)
    match type(here).__name__:
        case "IntType" | "LiteralType" | "EnumType":
            return _whole
        case "RawType":
            return lambda value: msgspec.Raw(msgspec.json.encode(value))
        case "UnionType":
            # Where a number may have a point, it keeps it.
            pointed = any(isinstance(_bare(one), msgspec.inspect.FloatType) for one in here.types)
            found = [_mend(one, structs) for one in here.types]
            return _in_turn([mend for mend in found if mend and not (pointed and mend is _whole)])
        case "ListType" | "VarTupleType":
            return _items(_mend(here.item_type, structs))
        case "TupleType":
            return _places([_mend(one, structs) for one in here.item_types])
        case "DictType":
            return _values(_mend(here.value_type, structs))
        case "StructType":
            return _struct(here, structs)
    return None


def _whole(value: Any) -> Any:
    fits = type(value) is float and value.is_integer() and abs(value) <= EXACT
    return int(value) if fits else value


def _in_turn(menders: list[Mend]) -> Mend | None:
    def mend(value: Any) -> Any:
        for one in menders:
            value = one(value)
        return value

    return mend if menders else None


def _items(item: Mend | None) -> Mend | None:
    return item and (lambda value: [item(one) for one in value] if type(value) is list else value)


def _places(items: list[Mend | None]) -> Mend | None:
    def mend(value: Any) -> Any:
        if type(value) is not list or len(value) != len(items):
            return value
        return [item(one) if item else one for item, one in zip(items, value, strict=True)]

    return mend if any(items) else None


def _values(each: Mend | None) -> Mend | None:
    return each and (
        lambda value: {key: each(one) for key, one in value.items()} if type(value) is dict else value
    )


def _struct(here: Any, structs: dict[type, dict[str, Mend]]) -> Mend | None:
    """The fields of a struct by name. A struct that contains itself finds its own, which are not complete yet."""
    known = here.cls in structs
    fields = structs.setdefault(here.cls, {})

    def mend(value: Any) -> Any:
        if type(value) is dict:
            for name in fields.keys() & value.keys():
                value[name] = fields[name](value[name])
        return value

    if not known:
        for field in here.fields:
            if (inner := _mend(field.type, structs)) is not None:
                fields[field.encode_name] = inner
    return mend if known or fields else None


def translate(error: msgspec.ValidationError, kind: Any, prefix: str = "$") -> ClientError:
    """msgspec's error as `Invalid`, with the field's JSON path and what the type `kind` allows there."""
    match = AT.match(str(error))
    what, path = (match["what"], match["path"]) if match else (str(error), "")
    unknown, missing = UNKNOWN.match(what), MISSING.match(what)
    if unknown:
        known = _field_names(_type_at(kind, path))
        allowed = f"; allowed: {', '.join(known)}" if known else ""
        return Invalid(f"{prefix}{path}.{_short(unknown['name'])}", f"not a known field{allowed}")
    if missing:
        path = f"{path}.{missing['name']}"
        return Invalid(f"{prefix}{path}", f"required field is missing{_allowed(kind, path)}")
    return Invalid(prefix + path, _reworded(what) + _allowed(kind, path))


def _reworded(what: str) -> str:
    """msgspec's message without its type names; the caller adds what is allowed."""
    typed, bounded = WRONG_TYPE.match(what), OUT_OF_RANGE.match(what)
    if typed:
        return f"got {JSON_NAMES.get(typed['got'], typed['got'])}"
    if bounded:
        return "wrong length" if bounded["length"] else "out of range"
    return f"{what[:1].lower()}{what[1:].replace('`', '')}"


def _short(name: str) -> str:
    return name if len(name) <= 64 else name[:61] + "..."


def _type_at(kind: Any, path: str) -> Any:
    """msgspec's description of the type at a JSON path below `kind`; None if there is none."""
    return _walk(kind, path)[0]


def _walk(kind: Any, path: str) -> tuple[Any, str]:
    """The type at a JSON path, and the field that the path enters by its place in a list; empty if by none."""
    here: Any = msgspec.inspect.type_info(kind)
    field = ""
    while path and here is not None:
        field = _field_at(here, path) or field
        here, path = _step(here, path)
    return here, field


def _field_at(here: Any, path: str) -> str:
    """The field whose value has this place in a list, where a list may stand for an object."""
    index = path[1:].partition("]")[0] if path.startswith("[") else ""
    if index.isdecimal() and any(isinstance(option, msgspec.inspect.TupleType) for option in _options(here)):
        names = _field_names(here)
        return names[int(index)] if int(index) < len(names) else ""
    return ""


def _step(here: Any, path: str) -> tuple[Any, str]:
    """The type one step further along the path, and the rest of the path."""
    options = _options(here)
    if path.startswith("["):
        index, _, rest = path[1:].partition("]")
        items = (_item(option, index) for option in options)
        return next((item for item in items if item is not None), None), rest
    fields = [item for option in options for item in getattr(option, "fields", ())]
    # A name may have dots and brackets itself, so the longest that fits is the field.
    fitting = [item for item in fields if path[1:].startswith(item.encode_name)]
    found = max(fitting, key=lambda item: len(item.encode_name), default=None)
    return (None, "") if found is None else (found.type, path[1 + len(found.encode_name) :])


def _item(option: Any, index: str) -> Any:
    """The type of an element of a list, a tuple or a dictionary; None for other types."""
    items = getattr(option, "item_types", ())
    if index.isdecimal() and int(index) < len(items):
        return items[int(index)]
    return getattr(option, "item_type", None) or getattr(option, "value_type", None)


def _options(here: Any) -> list[Any]:
    """The types of a union, or the type itself."""
    here = _bare(here)
    return list(map(_bare, getattr(here, "types", (here,))))


def _bare(here: Any) -> Any:
    """A type without its description and examples."""
    return here.type if isinstance(here, msgspec.inspect.Metadata) else here


def _field_names(here: Any) -> list[str]:
    return [item.encode_name for option in _options(here) for item in getattr(option, "fields", ())]


def _allowed(kind: Any, path: str) -> str:
    here, field = _walk(kind, path)
    text = describe(here) if here is not None else ""
    return f"; allowed{f' for {_short(field)}' if field else ''}: {text}" if text else ""


NAMES = {
    "IntType": "a whole number",
    "FloatType": "a number",
    "StrType": "text",
    "BoolType": "true or false",
    "NoneType": "null",
    "DateType": "a date as YYYY-MM-DD",
    "DateTimeType": "a time as YYYY-MM-DDThh:mm:ssZ",
    "ListType": "a list",
    "VarTupleType": "a list",
    "TupleType": "a list",
    "DictType": "an object",
    "StructType": "an object",
}


def describe(here: Any) -> str:
    """What a type allows, in words; empty if there is nothing useful to say."""
    if isinstance(here, msgspec.inspect.Metadata):
        return describe(here.type)
    options = getattr(here, "types", None)
    if options is not None:
        return " or ".join(filter(None, map(describe, options)))
    values = getattr(here, "values", None)
    if isinstance(here, msgspec.inspect.EnumType):
        values = [member.value for member in here.cls]
    if values is not None:
        return "one of " + ", ".join(map(str, values))
    name = NAMES.get(type(here).__name__, "")
    return name + _bounds(here) if name else ""


def _bounds(here: Any) -> str:
    parts = []
    low, high = getattr(here, "ge", None), getattr(here, "le", None)
    if low is not None and high is not None:
        parts.append(f"from {_plain(low)} to {_plain(high)}")
    else:
        parts += [f"{word} {_plain(bound)}" for word, bound in ((">=", low), ("<=", high)) if bound is not None]
    for attribute, word in (("gt", ">"), ("lt", "<"), ("multiple_of", "a multiple of")):
        if getattr(here, attribute, None) is not None:
            parts.append(f"{word} {_plain(getattr(here, attribute))}")
    fields = [item.encode_name for item in getattr(here, "fields", ()) if item.required]
    if fields:
        parts.append(f"with {', '.join(fields)}")
    least, most = getattr(here, "min_length", None) or 0, getattr(here, "max_length", None)
    if isinstance(here, msgspec.inspect.TupleType):
        least = most = len(here.item_types)
    if least or most is not None:
        size = f"at least {least}" if most is None else f"{least} to {most}" if least != most else f"{most}"
        is_list = hasattr(here, "item_type") or hasattr(here, "item_types")
        parts.append(f"of {size} {'items' if is_list else 'characters'}")
    if getattr(here, "pattern", None):
        parts.append(f"matching {here.pattern}")
    return " " + " and ".join(parts) if parts else ""


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)
