"""The records that apps keep: put, get, remove and list them. Below `/v1/models/{app}/{collection}`."""

from __future__ import annotations

from urllib.parse import parse_qsl

import msgspec

from serving.edge.codec.records import IDENTITY, MOST_RECORDS, decode_record, decode_records
from serving.edge.http_types import Request, Response
from serving.edge.router import Route
from serving.kernel.errors import Invalid, Malformed, NotFound
from serving.models.dataplane import DataPlane

__all__ = ["CollectionDoor"]

USUALLY_LISTED = 100
ENCODER = msgspec.json.Encoder()


class CollectionDoor:
    """Writes are idempotent: the same request again changes nothing more."""

    def __init__(self, dataplane: DataPlane) -> None:
        self.dataplane = dataplane

    def routes(self) -> list[Route]:
        """Every route of this door."""
        all_records = "/v1/models/{model}/{collection}"
        one_record = all_records + "/{id}"
        return [
            Route("PUT", one_record, self.put),
            Route("GET", one_record, self.get),
            Route("DELETE", one_record, self.delete),
            Route("POST", all_records, self.put_several),
            Route("GET", all_records, self.page),
        ]

    async def put(self, request: Request) -> Response:
        """Keep one record under its id, new or in place of the one before."""
        model, collection = self._named(request)
        record = decode_record(self.dataplane.collection(model, collection).record, request.body)
        if record.id != request.params["id"]:
            raise Invalid("$.id", f"is {record.id!r} and the path ends with {request.params['id'][:100]!r}")
        request.rows = 1
        await self.dataplane.put_records(request.call, model, collection, [record])
        return Response(status=204)

    async def put_several(self, request: Request) -> Response:
        """Keep several records, all or none."""
        model, collection = self._named(request)
        records = decode_records(self.dataplane.collection(model, collection).record, request.body)
        request.rows = len(records)
        await self.dataplane.put_records(request.call, model, collection, records)
        return _json({"written": len(records)})

    async def get(self, request: Request) -> Response:
        """One record."""
        model, collection = self._named(request)
        return _json(await self.dataplane.get_record(request.call, model, collection, _identity(request)))

    async def delete(self, request: Request) -> Response:
        """Remove one record."""
        model, collection = self._named(request)
        await self.dataplane.delete_record(request.call, model, collection, _identity(request))
        return Response(status=204)

    async def page(self, request: Request) -> Response:
        """Records by id, a page at a time, and how many there are."""
        model, collection = self._named(request)
        self.dataplane.collection(model, collection)
        after, most = _paging(request.query)
        found = await self.dataplane.page_records(request.call, model, collection, after, most)
        request.rows = len(found.records)
        return _json({"records": found.records, "count": found.count, "next": found.after})

    def _named(self, request: Request) -> tuple[str, str]:
        request.model = self.dataplane.app(request.params["model"]).name
        return request.model, request.params["collection"]


def _identity(request: Request) -> str:
    identity = request.params["id"]
    if not IDENTITY.fullmatch(identity):
        raise NotFound(f"nothing is kept under {identity[:100]!r}")
    return identity


def _paging(query: bytes) -> tuple[str, int]:
    """`after` and `limit` of a query string. Raises `Malformed` naming the parameter."""
    try:
        given = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, strict_parsing=bool(query), errors="strict"
        )
    except ValueError:
        raise Malformed("the query string is not of the form name=value&name=value") from None
    found = dict(given)
    unknown = sorted(found.keys() - {"after", "limit"})
    if unknown or len(given) != len(found):
        what = f"{unknown[0][:64]!r} is not known" if unknown else "a name is there twice"
        raise Malformed(f"the query string: {what}; allowed: after, limit, each once")
    limit = found.get("limit", str(USUALLY_LISTED))
    if not (limit.isascii() and limit.isdigit() and len(limit) <= 4 and 1 <= int(limit) <= MOST_RECORDS):
        raise Malformed(f"limit: {limit[:32]!r} is not allowed; expected a whole number from 1 to {MOST_RECORDS}")
    after = found.get("after", "")
    if after and not IDENTITY.fullmatch(after):
        raise Malformed(f"after: {after[:32]!r} is not an id; expected `next` of the page before")
    return after, int(limit)


def _json(value: object) -> Response:
    return Response(ENCODER.encode(value))
