from __future__ import annotations

import json
from pathlib import Path

import pytest

from serving.edge.identity.api_keys import ApiKeys
from serving.edge.identity.last_use import FILE, LastUse
from serving.kernel.errors import Unauthenticated
from tests.control.conftest import Slipway


def test_the_life_of_a_key(slipway: Slipway, tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    slipway.environ["SLIPWAY_KEY_FOLDER"] = str(folder)
    missing = slipway.run("keys", "list")
    assert missing.returncode == 2 and "slipway keys create NAME" in missing.stderr
    made = slipway.run(
        "keys",
        "create",
        "shop",
        "--scope",
        "predict:price, records:read",
        "--expires",
        "90d",
        "--per-minute",
        "600",
    )
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    found = ApiKeys(folder).identify(key)
    assert (found.subject, found.scopes) == ("shop", {"predict:price", "records:read"})
    assert key not in made.stderr and f"SLIPWAY_KEY_FOLDER={folder}" in made.stderr

    name = key.split("_")[1]
    turned = slipway.run("keys", "rotate", name, "--overlap", "2h")
    second = turned.stdout.strip()
    keys = ApiKeys(folder)
    assert second != key
    assert keys.identify(key).scopes == keys.identify(second).scopes
    assert slipway.run("keys", "revoke", name).returncode == 0
    rows = json.loads(slipway.run("keys", "list", "--json").stdout)
    assert [(row["id"], row["subject"], row["state"]) for row in rows] == [
        (name, "shop", "revoked"),
        (second.split("_")[1], "shop", "active"),
    ]
    assert [(row["limits"], row["last use"]) for row in rows] == 2 * [("600 a minute", "never")]
    uses = LastUse(slipway.home / FILE)
    ApiKeys(folder, uses).identify(second)
    uses.write()
    rows = json.loads(slipway.run("keys", "list", "--json").stdout)
    assert rows[0]["last use"] == "never" and rows[1]["last use"] >= rows[1]["created"]
    with pytest.raises(Unauthenticated):
        ApiKeys(folder).identify(key)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("create", "a b"), "must be 1 to 100 letters"),
        (("create", "a", "--scope", "write"), "no scope 'write'; a scope begins with one of"),
        (("create", "a", "--expires", "soon"), "must be such as `12h` or `90d`"),
        (("revoke", "0" * 12), "no key '000000000000'; `slipway keys list` shows those there are"),
        (("rotate", "0" * 12, "--overlap", "x"), "must be such as"),
    ],
)
def test_bad_words(slipway: Slipway, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    folder = tmp_path / "keys"
    slipway.environ["SLIPWAY_KEY_FOLDER"] = str(folder)
    assert slipway.run("keys", "create", "first").returncode == 0
    before = (folder / "keys.json").read_bytes()
    done = slipway.run("keys", *words)
    assert done.returncode == 2 and said in " ".join(done.stderr.split())
    assert (folder / "keys.json").read_bytes() == before
