"""What the store does within one transaction. Blocking; each function runs in a thread of the engine's."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import orjson

from serving.kernel.app import App
from serving.kernel.errors import BackendFailed, NotFound
from serving.kernel.storage.record_store import Encoder, Page, Vectors
from serving.records import sql
from serving.records.pool import Session

__all__ = ["BATCH", "Filled", "delete", "fill", "get", "nearest", "page", "prepare", "put", "register"]

BATCH = 256
"""Records encoded and stored in one transaction while a version catches up."""
FORGOTTEN = "7 days"
"""Vectors of encoders that no gateway has had for so long are removed."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Filled:
    """How far the vectors of an encoder have come: all records of transactions before `since` have theirs.

    A round over many records goes on behind the record `after`. Those that others change meanwhile are for the
    next round, so it counts from when this one `began`.
    """

    encoder: int = 0
    """The encoder's number in the database; 0: not known yet."""
    since: int = 0
    began: int = 0
    after: int = 0
    whole: bool = True
    """Whether no record of the round was left out because it was being changed."""


def prepare(session: Session) -> None:
    """Make the tables where they are missing; several processes may do so at once."""
    if session.rows(sql.EXISTING, {})[0]["there"]:
        return
    session.rows(sql.LOCK, {})
    for statement in sql.SCHEMA:
        session.rows(statement, {})


def register(encoder: Encoder, session: Session) -> None:
    """Say that the encoder is in use, and forget those that have not been for long."""
    session.rows(sql.REGISTER, _of(encoder))
    session.rows(sql.FORGET, {"age": FORGOTTEN})


def put(app: App[Any, Any, Any], records: Sequence[Any], encoders: Sequence[Encoder], session: Session) -> None:
    """Write records, each id once, and their vectors by these encoders; vectors of others become void."""
    vectors = [encoder.records(records) for encoder in encoders]
    bodies = [msgspec.json.encode(record).decode() for record in records]
    written = session.rows(sql.PUT, {**_place(app), "ids": [record.id for record in records], "bodies": bodies})
    rows = {row["id"]: row for row in written}
    session.rows(sql.UNLINK, {"numbers": [row["number"] for row in written]})
    for encoder, made in zip(encoders, vectors, strict=True):
        standing = session.rows(sql.STANDING, _of(encoder))
        if standing:
            _insert(
                standing[0]["number"], encoder, [rows[record.id] for record in records], records, made, session
            )


def get(app: App[Any, Any, Any], identity: str, session: Session) -> Any:
    """One record. Raises `NotFound`."""
    found = session.rows(sql.GET, {**_place(app), "id": identity})
    if not found:
        raise _missing(app, identity)
    return _record(app, identity, found[0]["body"])


def delete(app: App[Any, Any, Any], identity: str, session: Session) -> None:
    """Remove one record and its vectors. Raises `NotFound`."""
    if not session.rows(sql.DELETE, {**_place(app), "id": identity}):
        raise _missing(app, identity)


def page(app: App[Any, Any, Any], after: str, most: int, session: Session) -> Page:
    """The `most` records behind the id `after`."""
    found = session.rows(sql.PAGE, {**_place(app), "after": after, "most": most + 1})
    count = session.rows(sql.COUNT, _place(app))[0]["count"]
    records = [_record(app, row["id"], row["body"]) for row in found[:most]]
    return Page(records, count, found[most - 1]["id"] if len(found) > most else None)


def fill(encoder: Encoder, known: Filled, session: Session, once: bool = False) -> tuple[Filled, bool]:
    """Make the vectors that are missing, all of them or one batch; whether none is missing any more.

    What it gives counts only once the transaction has ended well.
    """
    standing = session.rows(sql.STANDING, _of(encoder))
    if not standing or known.encoder not in (0, standing[0]["number"]):
        return Filled(), False
    at = replace(known, encoder=standing[0]["number"])
    if not at.after:
        at = replace(at, began=standing[0]["ended"], whole=True)
    while True:
        place = {**_place(encoder.app), "encoder": at.encoder, "since": at.since, "after": at.after, "most": BATCH}
        rows = session.rows(sql.LACKING, place)
        whole = _encode(at.encoder, encoder, list(_readable(encoder, rows)), session) and at.whole
        if len(rows) < BATCH:
            return Filled(at.encoder, at.began if whole else at.since), whole
        at = replace(at, after=rows[-1]["number"], whole=whole)
        if once:
            return at, False


def nearest(encoder: Encoder, number: int, questions: Sequence[Any], session: Session) -> list[Any]:
    """The questions, those that are short completed with the records nearest to them that the rules allow."""
    collection = encoder.collection
    short = [question for question in questions if collection.is_short(question)]
    vectors = iter(encoder.questions(short))
    return [
        _completed(encoder, number, question, next(vectors), session)
        if collection.is_short(question)
        else question
        for question in questions
    ]


def _completed(encoder: Encoder, number: int, question: Any, vector: Any, session: Session) -> Any:
    collection = encoder.collection
    keys = {place: key for place, key in enumerate(collection.question_keys(question)) if key is not None}
    rows = session.rows(
        sql.search(list(keys)),
        {
            **{f"key{place}": _clean(key) for place, key in keys.items()},
            "encoder": number,
            "asked": _text(vector),
            "most": collection.candidates,
        },
    )
    return collection.complete(question, [record for _, record in _readable(encoder, rows)])


def _encode(number: int, encoder: Encoder, rows: Sequence[tuple[dict[str, Any], Any]], session: Session) -> bool:
    """Encode and store; whether all were still as read."""
    if not rows:
        return True
    records = [record for _, record in rows]
    return _insert(number, encoder, [row for row, _ in rows], records, encoder.records(records), session)


def _insert(
    number: int,
    encoder: Encoder,
    rows: Sequence[dict[str, Any]],
    records: Sequence[Any],
    vectors: Vectors,
    session: Session,
) -> bool:
    keys = [json.dumps([_clean(key) for key in encoder.collection.record_keys(record)]) for record in records]
    values = {
        "encoder": number,
        "numbers": [row["number"] for row in rows],
        "written": [row["written"] for row in rows],
        "keys": keys,
        "embeddings": [_text(vector) for vector in vectors],
    }
    return len(session.rows(sql.INSERT, values)) == len(rows)


def _readable(encoder: Encoder, rows: Iterable[dict[str, Any]]) -> Iterable[tuple[dict[str, Any], Any]]:
    """The rows whose records today's type takes. Others stay, are not found, and are named in the log."""
    for row in rows:
        try:
            yield row, _record(encoder.app, row["id"], row["body"])
        except BackendFailed as error:
            log.warning("%s", error.message)


def _record(app: App[Any, Any, Any], identity: str, body: str) -> Any:
    kind: Any = app.collection.record if app.collection is not None else Any
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as cause:
        raise BackendFailed(
            f"the record {identity!r} of {app.name} was stored in another form; put it again"
        ) from cause


def _missing(app: App[Any, Any, Any], identity: str) -> NotFound:
    return NotFound(f"{app.name} has no {identity[:100]!r} among its {_place(app)['collection']}")


def _place(app: App[Any, Any, Any]) -> dict[str, Any]:
    return {"app": app.name, "collection": app.collection.name if app.collection is not None else ""}


def _of(encoder: Encoder) -> dict[str, Any]:
    return {**_place(encoder.app), "digest": encoder.digest}


def _clean(key: str | None) -> str | None:
    # PostgreSQL's text has no such character.
    return None if key is None else key.replace("\0", "")


def _text(vector: Any) -> str:
    """A vector as pgvector reads it."""
    return orjson.dumps(vector, option=orjson.OPT_SERIALIZE_NUMPY).decode()
