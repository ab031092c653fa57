"""Completes short questions from a database of records that others keep."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import TypeVar

import msgspec

from serving.kernel.app import FeatureSource, Rows
from serving.kernel.call import Call
from serving.kernel.errors import Invalid, NotFound, SlipwayError
from serving.kernel.json_text import translate
from serving.records.pool import Engine, Session

__all__ = ["Database"]

Q = TypeVar("Q", bound=msgspec.Struct)

log = logging.getLogger(__name__)

GONE = "the database with the records cannot be read now; try again, or give them inline"


class Database:
    """The database of `SLIPWAY_DATABASE_URL`."""

    def __init__(self, url: str) -> None:
        """Connects at first use. Raises `ValueError` naming the setting for a URL it cannot use."""
        self._engine = Engine(url, "SLIPWAY_DATABASE_URL", GONE)

    async def complete(self, source: FeatureSource[Q], questions: Sequence[Q], call: Call) -> list[Q]:
        """The questions, those that are short completed, in one transaction.

        Raises `NotFound` naming the question, `Invalid` naming a field whose stored value is not allowed, and what
        `Engine.run` raises.
        """
        return await self._engine.run(partial(_completed, source, questions), call)

    def close(self) -> None:
        """Release threads and connections; what runs is not waited for."""
        self._engine.close()


def _completed(source: FeatureSource[Q], questions: Sequence[Q], session: Session) -> list[Q]:
    return [
        _whole(source, session.rows, index, question) if source.is_short(question) else question
        for index, question in enumerate(questions)
    ]


def _whole(source: FeatureSource[Q], rows: Rows, index: int, question: Q) -> Q:
    """The question completed, and held to the same ranges as one whose values came with the request."""
    place = f"$.instances[{index}]"
    try:
        whole = source.complete(rows, question)
        return msgspec.convert(msgspec.to_builtins(whole), type(question))
    except NotFound as error:
        raise NotFound(f"{place}: {error.message}") from None
    except msgspec.ValidationError as error:
        raise _stored(translate(error, type(question), place)) from error
    except (TypeError, ValueError) as error:
        # Not the error's text, nor chained: it may show the value, which is somebody's.
        log.error("a record of the database cannot be read: %s", type(error).__name__)
        raise _stored(Invalid(place, "its record cannot be read")) from None


def _stored(error: SlipwayError) -> SlipwayError:
    """Says that the value is the database's and not the caller's."""
    if not isinstance(error, Invalid):
        return error
    return Invalid(error.field, f"as stored in the database: {error.reason}")
