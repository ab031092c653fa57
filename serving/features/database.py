"""Completes short questions from a database of records that others keep."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TypeVar

import msgspec

from serving.errors import NotFound
from serving.features.engine import Engine, Session
from serving.inference.contract import Call, FeatureSource, Rows

__all__ = ["Database"]

Q = TypeVar("Q", bound=msgspec.Struct)

GONE = "the database with the records cannot be read now; try again, or give them inline"


class Database:
    """The database of `SLIPWAY_DATABASE_URL`."""

    def __init__(self, url: str) -> None:
        """Connects at first use. Raises `ValueError` naming the setting for a URL it cannot use."""
        self._engine = Engine(url, "SLIPWAY_DATABASE_URL", GONE)

    async def complete(self, source: FeatureSource[Q], questions: Sequence[Q], call: Call) -> list[Q]:
        """The questions, those that are short completed, in one transaction.

        Raises `NotFound` naming the question, and what `Engine.run` raises.
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
    try:
        return source.complete(rows, question)
    except NotFound as error:
        raise NotFound(f"$.instances[{index}]: {error.message}") from None
