"""The tables of the store and every statement on them. PostgreSQL with pgvector.

`slipway_records` has the records as they were sent. `slipway_vectors` has what encoders made of them: a row per
record and encoder, with the keys of the hard rules beside it, so that a search reads one table. A record that
changes loses its vectors, and a vector goes with its record.

`written` is the transaction that wrote a record last. All transactions before `pg_snapshot_xmin` have ended, so
what was written since one look is exactly what has it or more at the next.
"""

from __future__ import annotations

__all__ = [
    "COUNT",
    "DELETE",
    "EXISTING",
    "FORGET",
    "GET",
    "INSERT",
    "LACKING",
    "LOCK",
    "PAGE",
    "PUT",
    "REGISTER",
    "SCHEMA",
    "STANDING",
    "UNLINK",
    "search",
]

EXISTING = "SELECT to_regclass('slipway_vectors') IS NOT NULL AS there"
LOCK = "SELECT pg_advisory_xact_lock(7382194620158431)"
"""Of whoever makes the tables; the number is ours alone."""
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

PUT = """
INSERT INTO slipway_records (app, collection, id, body)
SELECT CAST(:app AS text), CAST(:collection AS text), x.id, CAST(x.body AS json)
FROM unnest(CAST(:ids AS text[]), CAST(:bodies AS text[])) AS x(id, body)
ORDER BY x.id
ON CONFLICT (app, collection, id) DO UPDATE SET body = EXCLUDED.body, written = DEFAULT, changed = DEFAULT
RETURNING number, written, id
"""
"""Sorted, so that two requests with the same records do not wait for each other."""
UNLINK = "DELETE FROM slipway_vectors WHERE record = ANY(CAST(:numbers AS bigint[]))"
INSERT = """
INSERT INTO slipway_vectors (record, encoder, keys, embedding)
SELECT r.number, :encoder,
       ARRAY(SELECT k.value FROM json_array_elements_text(CAST(x.keys AS json)) WITH ORDINALITY AS k(value, place)
             ORDER BY k.place),
       CAST(x.embedding AS vector)
FROM unnest(CAST(:numbers AS bigint[]), CAST(:written AS bigint[]), CAST(:keys AS text[]),
            CAST(:embeddings AS text[])) AS x(number, written, keys, embedding)
JOIN slipway_records r ON r.number = x.number AND r.written = x.written
FOR SHARE OF r SKIP LOCKED
ON CONFLICT DO NOTHING
RETURNING record
"""
"""Vectors of records that are still what was encoded. Those being changed now are left to whoever changes them."""
GET = "SELECT body::text AS body FROM slipway_records WHERE app = :app AND collection = :collection AND id = :id"
DELETE = "DELETE FROM slipway_records WHERE app = :app AND collection = :collection AND id = :id RETURNING id"
COUNT = "SELECT count(*) AS count FROM slipway_records WHERE app = :app AND collection = :collection"
PAGE = """
SELECT id, body::text AS body FROM slipway_records
WHERE app = :app AND collection = :collection AND id > :after
ORDER BY id LIMIT :most
"""

REGISTER = """
INSERT INTO slipway_encoders (app, collection, digest) VALUES (:app, :collection, :digest)
ON CONFLICT (app, collection, digest) DO UPDATE SET seen = now()
"""
FORGET = "DELETE FROM slipway_encoders WHERE seen < now() - CAST(:age AS interval)"
STANDING = """
SELECT number, pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS ended
FROM slipway_encoders WHERE app = :app AND collection = :collection AND digest = :digest
"""
LACKING = """
SELECT r.number, r.written, r.id, r.body::text AS body FROM slipway_records r
WHERE r.app = :app AND r.collection = :collection AND r.written >= :since AND r.number > :after
      AND NOT EXISTS (SELECT FROM slipway_vectors v WHERE v.record = r.number AND v.encoder = :encoder)
ORDER BY r.number LIMIT :most
"""


def search(places: list[int]) -> str:
    """The nearest records whose keys at these places (from 0) are as asked, or null.

    Parameters: `encoder`, `asked` (a vector), `most`, and `key0`, `key1`, ... for the places.
    """
    rules = "".join(f" AND (keys[{place + 1}] IS NULL OR keys[{place + 1}] = :key{place})" for place in places)
    return f"""
SELECT r.id, r.body::text AS body
FROM (SELECT record, embedding <#> CAST(:asked AS vector) AS apart FROM slipway_vectors
      WHERE encoder = :encoder{rules} ORDER BY apart, record LIMIT :most) v
JOIN slipway_records r ON r.number = v.record
ORDER BY v.apart, v.record
"""  # noqa: S608 - places are numbers
