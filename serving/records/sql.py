"""The tables of the collections and every statement on them. PostgreSQL with pgvector.

`slipway_records` has the records as they were sent. `slipway_vectors` has their vectors, a row per record and
encoder, together with the keys that a search filters by, so that a search reads one table. Changing a record
deletes its vectors, and so does deleting it.

`written` is the id of the transaction that last wrote a record. All transactions with ids below `pg_snapshot_xmin`
have ended. So the records written since an earlier snapshot are those whose `written` is at least the earlier
snapshot's `pg_snapshot_xmin`.
"""

from __future__ import annotations

__all__ = [
    "COUNT",
    "DELETE",
    "DELETE_OLD_ENCODERS",
    "DELETE_VECTORS",
    "FIND_ENCODER",
    "GET",
    "INSERT_VECTORS",
    "LOCK",
    "MISSING_VECTORS",
    "PAGE",
    "SCHEMA",
    "TABLES_EXIST",
    "UPSERT",
    "UPSERT_ENCODER",
    "search",
]

TABLES_EXIST = "SELECT to_regclass('slipway_vectors') IS NOT NULL AS there"
LOCK = "SELECT pg_advisory_xact_lock(7382194620158431)"
"""Held while the tables are created. The number only has to be the same in every process."""
SCHEMA = (
    "CREATE EXTENSION IF NOT EXISTS vector",
    """
CREATE TABLE IF NOT EXISTS slipway_records (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    app text NOT NULL,
    collection text NOT NULL,
    id text COLLATE "C" NOT NULL,
    body json NOT NULL,
    written bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    changed timestamptz NOT NULL DEFAULT now(),
    UNIQUE (app, collection, id)
)""",
    "CREATE INDEX IF NOT EXISTS slipway_records_written ON slipway_records (app, collection, written)",
    """
CREATE TABLE IF NOT EXISTS slipway_encoders (
    number int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    app text NOT NULL,
    collection text NOT NULL,
    digest text NOT NULL,
    seen timestamptz NOT NULL DEFAULT now(),
    UNIQUE (app, collection, digest)
)""",
    """
CREATE TABLE IF NOT EXISTS slipway_vectors (
    record bigint NOT NULL REFERENCES slipway_records ON DELETE CASCADE,
    encoder int NOT NULL REFERENCES slipway_encoders ON DELETE CASCADE,
    keys text[] NOT NULL,
    embedding vector NOT NULL,
    PRIMARY KEY (record, encoder)
)""",
    "CREATE INDEX IF NOT EXISTS slipway_vectors_encoder ON slipway_vectors (encoder)",
)

UPSERT = """
INSERT INTO slipway_records (app, collection, id, body)
SELECT CAST(:app AS text), CAST(:collection AS text), x.id, CAST(x.body AS json)
FROM unnest(CAST(:ids AS text[]), CAST(:bodies AS text[])) AS x(id, body)
ORDER BY x.id
ON CONFLICT (app, collection, id) DO UPDATE SET body = EXCLUDED.body, written = DEFAULT, changed = DEFAULT
RETURNING number, written, id
"""
"""Sorted, so that two requests with the same records cannot deadlock."""
DELETE_VECTORS = "DELETE FROM slipway_vectors WHERE record = ANY(CAST(:numbers AS bigint[]))"
INSERT_VECTORS = """
INSERT INTO slipway_vectors (record, encoder, keys, embedding)
SELECT r.number, :encoder,
       ARRAY(SELECT k.value FROM json_array_elements_text(CAST(x.keys AS json)) WITH ORDINALITY AS k(value, at)
             ORDER BY k.at),
       CAST(x.embedding AS vector)
FROM unnest(CAST(:numbers AS bigint[]), CAST(:written AS bigint[]), CAST(:keys AS text[]),
            CAST(:embeddings AS text[])) AS x(number, written, keys, embedding)
JOIN slipway_records r ON r.number = x.number AND r.written = x.written
FOR SHARE OF r SKIP LOCKED
ON CONFLICT DO NOTHING
RETURNING record
"""
"""Only for records that were not changed since they were encoded, and that nothing changes at the moment."""
GET = "SELECT body::text AS body FROM slipway_records WHERE app = :app AND collection = :collection AND id = :id"
DELETE = "DELETE FROM slipway_records WHERE app = :app AND collection = :collection AND id = :id RETURNING id"
COUNT = "SELECT count(*) AS count FROM slipway_records WHERE app = :app AND collection = :collection"
PAGE = """
SELECT id, body::text AS body FROM slipway_records
WHERE app = :app AND collection = :collection AND id > :after
ORDER BY id LIMIT :most
"""

UPSERT_ENCODER = """
INSERT INTO slipway_encoders (app, collection, digest) VALUES (:app, :collection, :digest)
ON CONFLICT (app, collection, digest) DO UPDATE SET seen = now()
"""
DELETE_OLD_ENCODERS = "DELETE FROM slipway_encoders WHERE seen < now() - CAST(:age AS interval)"
FIND_ENCODER = """
SELECT number, pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS ended
FROM slipway_encoders WHERE app = :app AND collection = :collection AND digest = :digest
"""
MISSING_VECTORS = """
SELECT r.number, r.written, r.id, r.body::text AS body FROM slipway_records r
WHERE r.app = :app AND r.collection = :collection AND r.written >= :since AND r.number > :after
      AND NOT EXISTS (SELECT FROM slipway_vectors v WHERE v.record = r.number AND v.encoder = :encoder)
ORDER BY r.number LIMIT :most
"""


def search(positions: list[int]) -> str:
    """The nearest records whose keys at these positions (from 0) are null or equal to the question's.

    Parameters: `encoder`, `vector`, `most`, and `key0`, `key1`, ... for the positions.
    """
    rules = "".join(f" AND (keys[{at + 1}] IS NULL OR keys[{at + 1}] = :key{at})" for at in positions)
    return f"""
SELECT r.id, r.body::text AS body
FROM (SELECT record, embedding <#> CAST(:vector AS vector) AS distance FROM slipway_vectors
      WHERE encoder = :encoder{rules} ORDER BY distance, record LIMIT :most) v
JOIN slipway_records r ON r.number = v.record
ORDER BY v.distance, v.record
"""  # noqa: S608  positions are integers
