"""What the collection store does within one transaction. All functions block and run in the pool's threads."""

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
from serving.records.pool import Transaction

__all__ = ["BATCH", "Backfill", "backfill", "delete", "get", "nearest", "page", "prepare", "put", "register"]

BATCH = 256
"""Records encoded and stored in one transaction while an encoder catches up."""
UNUSED = "7 days"
"""An encoder that no gateway has used for this long is deleted with its vectors."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Backfill:
    """How far the vectors of an encoder have been made: all records of transactions before `since` have theirs.

    A round over many records continues after the record `after`. Records that are changed in the meantime belong
    to the next round, which starts from the transaction at which this round `began`.
    """

    encoder: int = 0
    """The encoder's number in the database; 0 if not known yet."""
    since: int = 0
    began: int = 0
    after: int = 0
    whole: bool = True
    """Whether no record of this round was skipped because it was being changed."""


def prepare(transaction: Transaction) -> None:
    """Create the tables if they are missing; several processes may call it at the same time."""
    if transaction.rows(sql.TABLES_EXIST, {})[0]["there"]:
        return
    transaction.rows(sql.LOCK, {})
    for statement in sql.SCHEMA:
        transaction.rows(statement, {})


def register(encoder: Encoder, transaction: Transaction) -> None:
    """Record that the encoder is in use, and delete encoders that have long been unused."""
    transaction.rows(sql.UPSERT_ENCODER, _encoder_key(encoder))
    transaction.rows(sql.DELETE_OLD_ENCODERS, {"age": UNUSED})


def put(
    app: App[Any, Any, Any], records: Sequence[Any], encoders: Sequence[Encoder], transaction: Transaction
) -> None:
    """Write records, each id once, and their vectors by these encoders; deletes those by other encoders."""
    vectors = [encoder.records(records) for encoder in encoders]
    bodies = [msgspec.json.encode(record).decode() for record in records]
    written = transaction.rows(
        sql.UPSERT, {**_collection_key(app), "ids": [record.id for record in records], "bodies": bodies}
    )
    rows = {row["id"]: row for row in written}
    transaction.rows(sql.DELETE_VECTORS, {"numbers": [row["number"] for row in written]})
    for encoder, made in zip(encoders, vectors, strict=True):
        found = transaction.rows(sql.FIND_ENCODER, _encoder_key(encoder))
        if found:
            _insert(
                found[0]["number"], encoder, [rows[record.id] for record in records], records, made, transaction
            )


def get(app: App[Any, Any, Any], identity: str, transaction: Transaction) -> Any:
    """One record. Raises `NotFound`."""
    found = transaction.rows(sql.GET, {**_collection_key(app), "id": identity})
    if not found:
        raise _missing(app, identity)
    return _record(app, identity, found[0]["body"])


def delete(app: App[Any, Any, Any], identity: str, transaction: Transaction) -> None:
    """Remove one record and its vectors. Raises `NotFound`."""
    if not transaction.rows(sql.DELETE, {**_collection_key(app), "id": identity}):
        raise _missing(app, identity)


def page(app: App[Any, Any, Any], after: str, most: int, transaction: Transaction) -> Page:
    """At most `most` records after the id `after`."""
    found = transaction.rows(sql.PAGE, {**_collection_key(app), "after": after, "most": most + 1})
    count = transaction.rows(sql.COUNT, _collection_key(app))[0]["count"]
    records = [_record(app, row["id"], row["body"]) for row in found[:most]]
    return Page(records, count, found[most - 1]["id"] if len(found) > most else None)


def backfill(
    encoder: Encoder, known: Backfill, transaction: Transaction, once: bool = False
) -> tuple[Backfill, bool]:
    """Make the missing vectors, all of them or one batch; returns the progress and whether none is missing.

    The returned progress is true only once the transaction has been committed.
    """
    found = transaction.rows(sql.FIND_ENCODER, _encoder_key(encoder))
    if not found or known.encoder not in (0, found[0]["number"]):
        return Backfill(), False
    at = replace(known, encoder=found[0]["number"])
    if not at.after:
        at = replace(at, began=found[0]["ended"], whole=True)
    while True:
        parameters = {
            **_collection_key(encoder.app),
            "encoder": at.encoder,
            "since": at.since,
            "after": at.after,
            "most": BATCH,
        }
        rows = transaction.rows(sql.MISSING_VECTORS, parameters)
        whole = _encode(at.encoder, encoder, list(_readable(encoder, rows)), transaction) and at.whole
        if len(rows) < BATCH:
            return Backfill(at.encoder, at.began if whole else at.since), whole
        at = replace(at, after=rows[-1]["number"], whole=whole)
        if once:
            return at, False


def nearest(encoder: Encoder, number: int, questions: Sequence[Any], transaction: Transaction) -> list[Any]:
    """The questions, short ones completed with the nearest records whose keys match."""
    collection = encoder.collection
    short = [question for question in questions if collection.is_short(question)]
    vectors = iter(encoder.questions(short))
    return [
        _completed(encoder, number, question, next(vectors), transaction)
        if collection.is_short(question)
        else question
        for question in questions
    ]


def _completed(encoder: Encoder, number: int, question: Any, vector: Any, transaction: Transaction) -> Any:
    collection = encoder.collection
    keys = {at: key for at, key in enumerate(collection.question_keys(question)) if key is not None}
    rows = transaction.rows(
        sql.search(list(keys)),
        {
            **{f"key{at}": _clean(key) for at, key in keys.items()},
            "encoder": number,
            "vector": _text(vector),
            "most": collection.candidates,
        },
    )
    return collection.complete(question, [record for _, record in _readable(encoder, rows)])


def _encode(
    number: int, encoder: Encoder, rows: Sequence[tuple[dict[str, Any], Any]], transaction: Transaction
) -> bool:
    """Encode and store; returns whether no record was changed in the meantime."""
    if not rows:
        return True
    records = [record for _, record in rows]
    return _insert(number, encoder, [row for row, _ in rows], records, encoder.records(records), transaction)


def _insert(
    number: int,
    encoder: Encoder,
    rows: Sequence[dict[str, Any]],
    records: Sequence[Any],
    vectors: Vectors,
    transaction: Transaction,
) -> bool:
    keys = [json.dumps([_clean(key) for key in encoder.collection.record_keys(record)]) for record in records]
    values = {
        "encoder": number,
        "numbers": [row["number"] for row in rows],
        "written": [row["written"] for row in rows],
        "keys": keys,
        "embeddings": [_text(vector) for vector in vectors],
    }
    return len(transaction.rows(sql.INSERT_VECTORS, values)) == len(rows)


def _readable(encoder: Encoder, rows: Iterable[dict[str, Any]]) -> Iterable[tuple[dict[str, Any], Any]]:
    """The rows whose records fit the app's record type. The log names the others; they are never found."""
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
            f"the record {identity!r} of {app.name} was stored with other fields than it has today; put it again"
        ) from cause


def _missing(app: App[Any, Any, Any], identity: str) -> NotFound:
    return NotFound(f"{app.name} has no {identity[:100]!r} among its {_collection_key(app)['collection']}")


def _collection_key(app: App[Any, Any, Any]) -> dict[str, Any]:
    return {"app": app.name, "collection": app.collection.name if app.collection is not None else ""}


def _encoder_key(encoder: Encoder) -> dict[str, Any]:
    return {**_collection_key(encoder.app), "digest": encoder.digest}


def _clean(key: str | None) -> str | None:
    # PostgreSQL does not allow this character in text.
    return None if key is None else key.replace("\0", "")


def _text(vector: Any) -> str:
    """A vector in the text form that pgvector reads."""
    return orjson.dumps(vector, option=orjson.OPT_SERIALIZE_NUMPY).decode()
