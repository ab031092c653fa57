"""Rows of a training table as questions: the columns that a version was trained on become one field."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from serving.kernel.errors import ClientError, Invalid
from serving.kernel.json_text import decode_json
from training.recipe import QuestionColumns

__all__ = ["MISSING_WORDS", "TableRow", "has_numbers_by_name"]

MISSING_WORDS = frozenset(
    "|#N/A|#N/A N/A|#NA|-1.#IND|-1.#QNAN|-NaN|-nan|1.#IND|1.#QNAN|<NA>|N/A|NA|NULL|NaN|None|n/a|nan|null".split(
        "|"
    )
)
"""Cells that mean a missing value when a table is read for training, with pandas."""
TRUTH = {"true": 1.0, "false": 0.0}
ENCODER = msgspec.json.Encoder(decimal_format="number")


class TableRow:
    """Makes the question of one row."""

    def __init__(self, decoder: msgspec.json.Decoder[Any], members: QuestionColumns) -> None:
        self._decoder = decoder
        self._members = members

    def question(self, cells: Mapping[str, Any], given: dict[str, Any]) -> Any:
        """The question, or the `ClientError` for an invalid row.

        `cells` are the row's values by column; a missing number is left out. `given` are the other fields.
        """
        name = self._members.field
        numbers: dict[str, float] = {}
        for column in self._members.columns:
            try:
                number = _number(cells.get(column))
            except (TypeError, ValueError, OverflowError):
                got = str(cells[column])[:40]
                return Invalid(f"$.{name}.{column}", f"got {got!r}; allowed: a number or an empty cell")
            if number is not None:
                numbers[column] = number
        found = self._decoded({**given, name: numbers})
        return self._blamed(found, numbers, given) if isinstance(found, Invalid) else found

    def _blamed(self, error: Invalid, numbers: Mapping[str, float], given: Mapping[str, Any]) -> Invalid:
        """The error with the name of the column, which the decoder does not know."""
        name = self._members.field
        if error.field.startswith(f"$.{name}["):
            for column, number in numbers.items():
                if isinstance(self._decoded({**given, name: {column: number}}), Invalid):
                    return Invalid(f"$.{name}.{column}", error.reason)
        return error

    def _decoded(self, question: Mapping[str, Any]) -> Any:
        try:
            return decode_json(self._decoder, ENCODER.encode(question))
        except UnicodeEncodeError:
            return Invalid("", "not UTF-8 text")
        except ClientError as error:
            return error


def has_numbers_by_name(question: type[msgspec.Struct]) -> bool:
    """Whether a field of the question is a dictionary, so that its keys may be columns of a table."""
    return any(
        isinstance(getattr(item.type, "type", item.type), msgspec.inspect.DictType)
        for item in msgspec.inspect.type_info(question).fields  # type: ignore[attr-defined]
    )


def _number(value: Any) -> float | None:
    """A cell as a number; None when it is missing. Raises `TypeError`, `ValueError` and `OverflowError`."""
    if isinstance(value, str):
        text = value.strip()
        if text in MISSING_WORDS:
            return None
        if text.lower() in TRUTH:
            return TRUTH[text.lower()]
        if "_" in text:
            raise ValueError(text)
        value = text
    number = math.nan if value is None else float(value)
    if math.isinf(number):
        raise ValueError(value)
    return None if math.isnan(number) else number
