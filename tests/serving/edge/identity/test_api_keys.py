from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from serving.edge.identity import api_keys
from serving.edge.identity.api_keys import ApiKeys
from serving.edge.identity.key_file import KEYS, KeyRecord, editing, new_key
from serving.edge.identity.last_use import LastUse
from serving.edge.identity.limits import Limits
from serving.kernel.errors import Unauthenticated
from serving.kernel.storage.highest import read_numbers


@pytest.fixture(autouse=True)
def look_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_keys, "LOOK_SECONDS", -1.0)


def add(folder: Path, subject: str = "shop", **fields: Any) -> tuple[str, str]:
    with editing(folder) as (pepper, found):
        key, record = new_key(pepper, subject, ("predict",), "acme")
        found.keys.append(replace(record, **fields))
    return key, record.id


def change(folder: Path, edit: Callable[[KeyRecord], KeyRecord]) -> None:
    with editing(folder) as (_, found):
        found.keys[:] = map(edit, found.keys)


def refused(keys: ApiKeys, key: str) -> None:
    with pytest.raises(Unauthenticated, match=r"^the API key is not valid$"):
        keys.identify(key)


def test_the_holder_of_a_key(tmp_path: Path) -> None:
    key, name = add(tmp_path)
    found = ApiKeys(tmp_path).identify(key)
    assert (found.subject, found.tenant, found.client) == ("shop", "acme", f"key:{name}")
    assert found.scopes == {"predict"} and found.known


def test_every_other_key_is_refused_alike(tmp_path: Path) -> None:
    key, name = add(tmp_path)
    expired, _ = add(tmp_path, expires=time.time() - 1)
    revoked, _ = add(tmp_path, revoked=time.time() - 1)
    keys = ApiKeys(tmp_path)
    last = "B" if key[-1] == "A" else "A"
    for wrong in ("", "slw_", key[:-1], key[:-1] + last, key + "A", key.upper(), key.replace(name, "0" * 12)):
        refused(keys, wrong)
    refused(keys, expired)
    refused(keys, revoked)
    assert keys.identify(key).subject == "shop"


def test_uses_are_noted_and_limits_counted_across_changes_of_the_file(tmp_path: Path) -> None:
    key, name = add(tmp_path, limits=Limits(per_minute=5))
    free, other = add(tmp_path)
    uses = LastUse(tmp_path / "use.json")
    keys = ApiKeys(tmp_path, uses)
    assert keys.identify(free).meter is None
    refused(keys, key[:-1])
    uses.write()
    assert set(read_numbers(tmp_path / "use.json")) == {other}
    meter = keys.identify(key).meter
    assert meter is not None
    meter.take()
    add(tmp_path)
    assert keys.identify(key).meter is meter
    change(tmp_path, lambda record: replace(record, limits=Limits(per_day=7)))
    now = keys.identify(key).meter
    assert now is not None and now.headers()["ratelimit-policy"] == '"day";q=7;w=86400'
    uses.write()
    assert set(read_numbers(tmp_path / "use.json")) == {name, other}


def test_new_keys_and_revocations_are_seen_while_it_runs(tmp_path: Path) -> None:
    first, _ = add(tmp_path)
    keys = ApiKeys(tmp_path)
    second, _ = add(tmp_path, "other")
    assert keys.identify(second).subject == "other"
    change(tmp_path, lambda record: replace(record, revoked=1.0) if record.subject == "shop" else record)
    refused(keys, first)
    assert keys.identify(second).subject == "other"


def test_a_key_expires_without_a_change_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = time.time() + 60
    key, _ = add(tmp_path, expires=ends)
    keys = ApiKeys(tmp_path)
    assert keys.identify(key).subject == "shop"
    monkeypatch.setattr(time, "time", lambda: ends)
    refused(keys, key)


def test_a_file_that_breaks_later_leaves_the_last_keys(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    key, _ = add(tmp_path)
    keys = ApiKeys(tmp_path)
    good = (tmp_path / KEYS).read_bytes()
    with caplog.at_level(logging.ERROR):
        (tmp_path / KEYS).write_bytes(good[:30])
        assert keys.identify(key).subject == "shop"
        (tmp_path / KEYS).unlink()
        assert keys.identify(key).subject == "shop"
    assert len(caplog.messages) == 2 and all("stay as they were" in message for message in caplog.messages)
    (tmp_path / KEYS).write_text('{"keys": []}')
    refused(keys, key)
