"""The doors of a collection over HTTP: a whole gateway, a real model and a real database."""

from __future__ import annotations

import gzip
import json
import re
import signal
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from serving.hosting.composition import Server
from serving.hosting.listener import Listener
from serving.kernel.settings import Settings
from tests.postgres import Postgres
from tests.serving import toy
from tests.serving.collected import WIDTH, write_version
from tests.serving.edge.wire import ask, eventually

LOTS = [
    {"id": "rice", "text": "rice", "kind": "grain"},
    {"id": "ice", "text": "ice"},
    {"id": "zoo", "text": "zoo"},
]


@dataclass
class Gateway:
    """A gateway and how to ask it."""

    address: str
    repository: Path

    def ask(
        self, method: str, path: str, body: Any = None, coding: str = "identity"
    ) -> tuple[int, Any, dict[str, str]]:
        raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        head = f"{method} /v1/models/{path} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(raw)}\r\n"
        status, headers, text = ask(self.address, f"{head}content-encoding: {coding}\r\n\r\n".encode() + raw)
        return status, json.loads(text) if text else None, headers

    def found(self, text: str, at: str = "", **fields: Any) -> list[str]:
        status, answer, _ = self.ask("POST", f"lotter{at}:predict", {"instances": [{"text": text, **fields}]})
        assert status == 200, answer
        ids: list[str] = answer["predictions"][0]["ids"]
        return ids

    def searched(self) -> int:
        """Status of a short question."""
        return self.ask("POST", "lotter:predict", {"instances": [{"text": "rice"}]})[0]


def gateway(tmp_path: Path, url: str) -> Iterator[Gateway]:
    settings = Settings(
        home=tmp_path / "home",
        model_repository=tmp_path / "repository",
        http_port=0,
        grpc_port=0,
        log_file=str(tmp_path / "gateway.jsonl"),
        apps=("tests.serving.lotter", "tests.serving.models.toy"),
        collections_url=url,
        poll_seconds=0.05,
    )
    server = Server(settings)
    doors = Listener(server.http, server.grpc, settings, on_start=server.open, on_stop=server.close)
    doors.start()
    yield Gateway(f"127.0.0.1:{doors.ports.http}", settings.model_repository)
    doors.stop(1.0)


def whole_gateway(folder: Path, url: str) -> Iterator[Gateway]:
    """One that answers short questions."""
    write_version(folder / "repository", 1)
    toy.write_version(folder / "repository", 1)
    for made in gateway(folder, url):
        eventually(lambda: made.searched() == 200)  # noqa: B023
        yield made


@pytest.fixture
def kept(tmp_path: Path, postgres: Postgres) -> Iterator[Gateway]:
    yield from whole_gateway(tmp_path, postgres.fresh())


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Iterator[Gateway]:
    """One that several tests share, and none puts anything in."""
    yield from whole_gateway(tmp_path_factory.mktemp("unchanged"), postgres.fresh())


def test_put_find_list_and_remove(kept: Gateway) -> None:
    assert kept.ask("PUT", "lotter/lots/rice", LOTS[0])[:2] == (204, None)
    assert kept.found("rice") == ["rice"]
    assert kept.ask("POST", "lotter/lots", {"records": LOTS})[:2] == (200, {"written": 3})
    assert kept.found("rice") == ["rice", "ice", "zoo"]
    assert kept.found("rice", kind="paper") == ["ice", "zoo"]
    assert kept.found("rice", lots=[LOTS[2]]) == ["zoo"]
    status, record, _ = kept.ask("GET", "lotter/lots/rice")
    assert (status, record) == (200, {**LOTS[0], "size": None})
    status, page, _ = kept.ask("GET", "lotter/lots?limit=2")
    assert (status, page["count"], page["next"], [one["id"] for one in page["records"]]) == (
        *(200, 3, "rice"),
        ["ice", "rice"],
    )
    assert kept.ask("GET", "lotter/lots?limit=2&after=rice")[1]["next"] is None
    assert kept.ask("DELETE", "lotter/lots/rice")[:2] == (204, None)
    assert kept.found("rice") == ["ice", "zoo"]
    assert kept.ask("DELETE", "lotter/lots/rice")[0] == kept.ask("GET", "lotter/lots/rice")[0] == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("PUT", "lotter/lots/rice", b"{", 400, "not valid JSON"),
        ("PUT", "lotter/lots/rice", b"", 400, "empty"),
        ("PUT", "lotter/lots/rice", {"id": "rice"}, 422, "$.text: required field is missing"),
        ("PUT", "lotter/lots/rice", {**LOTS[0], "size": -1}, 422, "$.size"),
        ("PUT", "lotter/lots/rice", {**LOTS[0], "color": 1}, 422, "$.color: not a known field"),
        ("PUT", "lotter/lots/rice", LOTS[1], 422, "$.id: must be 'rice' as in the path, got 'ice'"),
        ("PUT", "lotter/lots/a%20b", {"id": "a b", "text": "x"}, 422, "got 'a b'"),
        ("POST", "lotter/lots", {"records": []}, 422, "$.records"),
        ("POST", "lotter/lots", {"records": [LOTS[0], {"id": "x", "text": 3}]}, 422, "$.records[1].text"),
        ("POST", "lotter/lots", {"records": [LOTS[0], LOTS[1], LOTS[0]]}, 422, "$.records[2].id: 'rice' is also"),
        ("POST", "lotter/lots", {"records": [{"id": "../x", "text": "x"}]}, 422, "$.records[0].id"),
        ("POST", "lotter/lots", {"records": [{"id": f"l{n}", "text": "x"} for n in range(1001)]}, 413, "1000"),
        ("POST", "lotter/lots", LOTS, 422, "$"),
        (
            "GET",
            "lotter/lots?limit=0",
            None,
            400,
            "limit: '0' is not allowed; expected a whole number from 1 to 1000",
        ),
        ("GET", "lotter/lots?page=2", None, 400, "'page' is not known; allowed: after, limit"),
        ("GET", "lotter/lots?limit", None, 400, "name=value"),
        ("GET", "lotter/lots?after=a%00", None, 400, "after"),
        ("GET", "lotter/lots/a%00", None, 404, "no record has the id"),
        ("DELETE", "lotter/lots/nosuch", None, 404, "lotter has no 'nosuch' among its lots"),
        ("GET", "lotter/pots", None, 404, "no collection 'pots'; it has lots"),
        ("GET", "toy/lots", None, 404, "toy has no collection"),
        ("PUT", "toy/lots/rice", LOTS[0], 404, "toy has no collection"),
        ("GET", "nosuch/lots", None, 404, "no model 'nosuch'"),
        ("PATCH", "lotter/lots/rice", None, 405, "allowed: DELETE, GET, HEAD, OPTIONS, PUT"),
    ],
)
def test_bad_input_names_what_is_wrong_and_changes_nothing(
    unchanged: Gateway, method: str, path: str, body: Any, status: int, says: str
) -> None:
    found, answer, _ = unchanged.ask(method, path, body)
    assert (found, says in answer["detail"]) == (status, True), answer
    assert unchanged.ask("GET", "lotter/lots")[1]["count"] == 0


def test_records_outlive_the_gateway_and_new_versions_find_them(
    tmp_path: Path, postgres: Postgres, kept: Gateway
) -> None:
    kept.ask("POST", "lotter/lots", {"records": LOTS})
    write_version(kept.repository, 2, [0.01] * (WIDTH - 1) + [1.0])
    eventually(lambda: kept.ask("POST", "lotter/versions/2:predict", {"instances": [{"text": "z"}]})[0] == 200)
    assert kept.found("z", "/versions/2")[0] == "zoo"
    url = postgres.fresh()
    for turn in range(2):
        for again in gateway(tmp_path, url):
            eventually(lambda: again.searched() == 200)  # noqa: B023
            if turn:
                assert again.found("rice") == ["rice"]
            else:
                again.ask("PUT", "lotter/lots/rice", LOTS[0])


def test_a_version_without_an_encoder_answers_only_whole_questions(kept: Gateway) -> None:
    write_version(kept.repository, 2, None)
    eventually(lambda: kept.ask("GET", "lotter")[0] == 200 and kept.searched() == 503)
    assert kept.found("rice", "/versions/2", lots=[LOTS[2]]) == ["zoo"]
    _, answer, headers = kept.ask("POST", "lotter:predict", {"instances": [{"text": "rice"}]})
    assert "version 2 has no encoder" in answer["detail"] and "retry-after" in headers
    assert kept.found("rice", "/versions/1") == []


def test_while_the_database_is_away_whole_questions_go_on(kept: Gateway, postgres: Postgres) -> None:
    kept.ask("POST", "lotter/lots", {"records": LOTS})
    postgres.stop(signal.SIGKILL)
    try:
        assert kept.searched() == 503
        status, answer, headers = kept.ask("PUT", "lotter/lots/rice", LOTS[0])
        assert (status, headers["retry-after"]) == (503, "1")
        assert "cannot be reached" in answer["detail"]
        assert kept.found("rice", lots=[LOTS[2]]) == ["zoo"]
    finally:
        postgres.start()
    assert kept.found("rice")[0] == "rice"


def test_without_a_store_the_doors_say_so(tmp_path: Path) -> None:
    write_version(tmp_path / "repository", 1)
    toy.write_version(tmp_path / "repository", 1)
    for made in gateway(tmp_path, ""):
        eventually(lambda: made.ask("GET", "lotter")[0] == 200)  # noqa: B023
        status, answer, _ = made.ask("POST", "lotter:predict", {"instances": [{"text": "rice"}]})
        assert (status, answer["field"]) == (422, "$.instances[0].lots")
        status, answer, _ = made.ask("GET", "lotter/lots")
        assert status == 503 and "SLIPWAY_COLLECTIONS_URL" in answer["detail"]


@pytest.mark.parametrize(("coding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_records_may_arrive_compressed(kept: Gateway, coding: str, pack: Callable[[bytes], bytes]) -> None:
    one, several = json.dumps(LOTS[0]).encode(), json.dumps({"records": LOTS}).encode()
    assert kept.ask("PUT", "lotter/lots/rice", pack(one), coding)[0] == 204
    assert kept.ask("POST", "lotter/lots", pack(several), coding)[:2] == (200, {"written": len(LOTS)})
    assert kept.ask("GET", "lotter/lots")[1]["count"] == len(LOTS)


def test_the_description_has_the_doors(unchanged: Gateway) -> None:
    status, _, text = ask(unchanged.address, b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n")
    paths = json.loads(text)["paths"]
    assert status == 200
    assert set(paths["/v1/models/lotter/lots"]) == {"get", "post"}
    assert set(paths["/v1/models/lotter/lots/{id}"]) == {"put", "get", "delete"}
    assert "/v1/models/toy/lots" not in paths
    put = paths["/v1/models/lotter/lots/{id}"]["put"]
    in_path = next(one["schema"]["pattern"] for one in put["parameters"] if one["name"] == "id")
    body = put["requestBody"]["content"]["application/json"]["schema"]["allOf"]
    assert [in_path] == [one["properties"]["id"]["pattern"] for one in body if "properties" in one]
    for identity, good in (("rice", True), ("a" * 128, True), ("a" * 129, False), ("../x", False), (".x", False)):
        assert bool(re.match(in_path, identity)) is good
    page = {one["name"]: one["schema"] for one in paths["/v1/models/lotter/lots"]["get"]["parameters"]}
    assert (page["limit"]["minimum"], page["limit"]["maximum"]) == (1, 1000)
