"""The records of apps' collections: put, get, remove and list them, below `/v1/models/{app}/{collection}`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from serving.edge.codec.records import IDENTITY, MOST_RECORDS, decode_record, decode_records
from serving.edge.doors.operation import (
    PATTERNS,
    REQUEST_HEADERS,
    AnyApp,
    Operation,
    References,
    answer,
    array_of,
    json_body,
    object_of,
    problems,
    query,
)
from serving.edge.http.routes import Route
from serving.edge.request_life import Request, Response
from serving.kernel.errors import Invalid, Malformed, NotFound
from serving.models.dataplane import DataPlane

__all__ = ["CollectionDoor"]

USUALLY_LISTED = 100
NEXT = {
    "anyOf": [{"type": "string"}, {"type": "null"}],
    "description": "`after` of the next page; null at the end.",
}
PAGING = (
    query("after", "`next` of the page before.", {"type": "string", "pattern": f"^({IDENTITY.pattern})?$"}),
    query(
        "limit",
        f"Records of a page; {USUALLY_LISTED} where it is absent.",
        {"type": "integer", "minimum": 1, "maximum": MOST_RECORDS},
    ),
)


class CollectionDoor:
    """Writes are idempotent: repeating a request changes nothing."""

    def __init__(self, dataplane: DataPlane) -> None:
        self.dataplane = dataplane

    def routes(self) -> list[Route]:
        """Every route of this door."""
        all_records = "/v1/models/{model}/{collection}"
        one_record = all_records + "/{id}"
        read, write = "records:read:{model}:{collection}", "records:write:{model}:{collection}"
        return [
            Route("PUT", one_record, self.put, _described_put, scope=write),
            Route("GET", one_record, self.get, _described_get, scope=read),
            Route("DELETE", one_record, self.delete, _described_delete, scope=write),
            Route("POST", all_records, self.put_several, _described_bulk, scope=write),
            Route("GET", all_records, self.page, _described_list, scope=read),
        ]

    async def put(self, request: Request) -> Response:
        """Put one record under its id; it replaces a record that has this id already."""
        model, collection = self._named(request)
        record = decode_record(self.dataplane.collection(model, collection).record, request.body)
        if record.id != request.params["id"]:
            raise Invalid("$.id", f"must be {request.params['id'][:100]!r} as in the path, got {record.id!r}")
        request.rows = 1
        await self.dataplane.put_records(request.call, model, collection, [record])
        return Response(status=204)

    async def put_several(self, request: Request) -> Response:
        """Put several records, all or none."""
        model, collection = self._named(request)
        records = decode_records(self.dataplane.collection(model, collection).record, request.body)
        request.rows = len(records)
        await self.dataplane.put_records(request.call, model, collection, records)
        return Response.json({"written": len(records)})

    async def get(self, request: Request) -> Response:
        """One record."""
        model, collection = self._named(request)
        return Response.json(await self.dataplane.get_record(request.call, model, collection, _identity(request)))

    async def delete(self, request: Request) -> Response:
        """Remove one record."""
        model, collection = self._named(request)
        await self.dataplane.delete_record(request.call, model, collection, _identity(request))
        return Response(status=204)

    async def page(self, request: Request) -> Response:
        """One page of records in the order of their ids, and the number of all records."""
        model, collection = self._named(request)
        self.dataplane.collection(model, collection)
        after, most = _paging(request.query)
        found = await self.dataplane.page_records(request.call, model, collection, after, most)
        request.rows = len(found.records)
        return Response.json({"records": found.records, "count": found.count, "next": found.after})

    def _named(self, request: Request) -> tuple[str, str]:
        request.model = self.dataplane.app(request.params["model"]).name
        return request.model, request.params["collection"]


def _identity(request: Request) -> str:
    identity = request.params["id"]
    if not IDENTITY.fullmatch(identity):
        raise NotFound(f"no record has the id {identity[:100]!r}")
    return identity


def _paging(query: bytes) -> tuple[str, int]:
    """`after` and `limit` of a query string. Raises `Malformed` naming the parameter."""
    try:
        given = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, strict_parsing=bool(query), errors="strict"
        )
    except ValueError as cause:
        raise Malformed("the query string must have the form name=value&name=value") from cause
    found = dict(given)
    unknown = sorted(found.keys() - {"after", "limit"})
    if unknown or len(given) != len(found):
        what = f"{unknown[0][:64]!r} is not known" if unknown else "a name occurs twice"
        raise Malformed(f"the query string: {what}; allowed: after, limit, each once")
    limit = found.get("limit", str(USUALLY_LISTED))
    if not (limit.isascii() and limit.isdigit() and len(limit) <= 4 and 1 <= int(limit) <= MOST_RECORDS):
        raise Malformed(f"limit: {limit[:32]!r} is not allowed; expected a whole number from 1 to {MOST_RECORDS}")
    after = found.get("after", "")
    if after and not IDENTITY.fullmatch(after):
        raise Malformed(f"after: {after[:32]!r} is not an id; expected `next` of the page before")
    return after, int(limit)


def _described(
    app: AnyApp, verb: str, summary: str, given: Any = None, body: Any = None, parameters: Sequence[Any] = ()
) -> Operation | None:
    """`given` is the schema of the answer; None: it has no body."""
    if app.collection is None:
        return None
    done = answer(summary, given) if given else {"description": "Done."}
    return Operation(
        name=f"{app.name}_{verb}_{app.collection.name}",
        tag=app.name,
        summary=summary,
        parameters=(*parameters, *REQUEST_HEADERS),
        body=body,
        answers={"200" if given else "204": done, **problems()},
    )


def _record(app: AnyApp, references: References) -> tuple[Any, Any]:
    """Schema and example of one record; of nothing, where the app has no collection."""
    if app.collection is None:
        return {}, None
    # A record in a question may have another id: only those that are kept are parts of paths.
    record = {"allOf": [references[app.collection.record], {"properties": {"id": {"pattern": PATTERNS["id"]}}}]}
    return record, msgspec.to_builtins(app.collection.example)


def _described_put(app: AnyApp, references: References) -> Operation | None:
    return _described(
        app, "put", "Keep one, new or in place of the one before", body=json_body(*_record(app, references))
    )


def _described_get(app: AnyApp, references: References) -> Operation | None:
    return _described(app, "get", "One as it is kept", _record(app, references)[0])


def _described_delete(app: AnyApp, references: References) -> Operation | None:
    return _described(app, "delete", "Remove one")


def _described_bulk(app: AnyApp, references: References) -> Operation | None:
    record, example = _record(app, references)
    several = object_of({"records": array_of(record, maxItems=MOST_RECORDS, minItems=1)})
    body = json_body(several, {"records": [example]})
    summary = f"Keep several {_name(app)}, all or none"
    return _described(app, "bulk", summary, object_of({"written": {"type": "integer"}}), body)


def _described_list(app: AnyApp, references: References) -> Operation | None:
    records = array_of(_record(app, references)[0], maxItems=MOST_RECORDS)
    page = object_of({"records": records, "count": {"type": "integer"}, "next": NEXT})
    return _described(app, "list", f"The {_name(app)} by id, a page at a time", page, parameters=PAGING)


def _name(app: AnyApp) -> str:
    return app.collection.name if app.collection is not None else ""
