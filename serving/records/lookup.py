"""Completes short questions from the tables of an existing database."""

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
from serving.records.pool import Pool, Transaction

__all__ = ["RecordLookup"]

Q = TypeVar("Q", bound=msgspec.Struct)

log = logging.getLogger(__name__)

UNREACHABLE = "the database with the records cannot be read now; try again, or send the records with the question"


class RecordLookup:
    """The database of `SLIPWAY_DATABASE_URL`."""

    def __init__(self, url: str) -> None:
        """Connects at first use. Raises `SettingsError` naming the setting for a URL it cannot use."""
        self._pool = Pool(url, "SLIPWAY_DATABASE_URL", UNREACHABLE)

    async def complete(self, source: FeatureSource[Q], questions: Sequence[Q], call: Call) -> list[Q]:
        """The questions, short ones completed in one transaction.

        Raises `NotFound` naming the question, `Invalid` naming a field whose stored value is not allowed, and what
        `Pool.run` raises.
        """
        return await self._pool.run(partial(_complete_short, source, questions), call)

    def close(self) -> None:
        """Release threads and connections without waiting for running transactions."""
        self._pool.close()


def _complete_short(source: FeatureSource[Q], questions: Sequence[Q], transaction: Transaction) -> list[Q]:
    return [
        _complete(source, transaction.rows, index, question) if source.is_short(question) else question
        for index, question in enumerate(questions)
    ]


def _complete(source: FeatureSource[Q], rows: Rows, index: int, question: Q) -> Q:
    """The completed question, checked against the same ranges as a question sent whole."""
    path = f"$.instances[{index}]"
    try:
        whole = source.complete(rows, question)
        return msgspec.convert(msgspec.to_builtins(whole), type(question))
    except NotFound as error:
        raise NotFound(f"{path}: {error.message}") from None
    except msgspec.ValidationError as error:
        raise _blame_database(translate(error, type(question), path)) from error
    except (TypeError, ValueError) as error:
        # Neither logged nor chained: the error's text may contain personal data.
        log.error("a record of the database cannot be read: %s", type(error).__name__)
        raise _blame_database(Invalid(path, "its record cannot be read")) from None


def _blame_database(error: SlipwayError) -> SlipwayError:
    """The error, saying that the value comes from the database and not from the caller."""
    if not isinstance(error, Invalid):
        return error
    return Invalid(error.field, f"as stored in the database: {error.reason}")
