from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tests.control.conftest import Slipway
from tests.serving.toy import write_aliases, write_version


def test_the_life_of_a_signing_key(slipway: Slipway) -> None:
    """Two versions were published without a key; then one is made, trusted and revoked."""
    root, home = slipway.home.parent / "models", slipway.home
    for number in (1, 2):
        write_version(root, number)
    write_aliases(root, 1)
    missing = slipway.run("signing", "list")
    assert missing.returncode == 2 and "slipway signing create NAME" in missing.stderr
    unset = slipway.run("signing", "sign")
    assert unset.returncode == 2 and "SLIPWAY_SIGNING_KEY is not set" in unset.stderr

    made = slipway.run("signing", "create", "release", "--expires", "365d")
    assert made.returncode == 0, made.stderr
    private, trusted = home / "signing" / "release.pem", home / "trusted-keys"
    assert f"export SLIPWAY_SIGNING_KEY={private}" in made.stderr
    assert f"export SLIPWAY_TRUSTED_KEYS={trusted}" in made.stderr
    assert stat.S_IMODE(private.stat().st_mode) == 0o600 and private.parent.stat().st_mode & 0o077 == 0
    assert "PRIVATE" not in made.stdout + made.stderr
    again = slipway.run("signing", "create", "release")
    assert again.returncode == 2 and "already exists" in again.stderr

    slipway.environ |= {"SLIPWAY_SIGNING_KEY": str(private), "SLIPWAY_TRUSTED_KEYS": str(trusted)}
    before = slipway.run("repository", "verify", "--json")
    assert before.returncode == 1
    problems = [row["problem"] for row in json.loads(before.stdout)]
    assert problems == 2 * ["manifest.sig: the version is not signed"] + ["aliases.json: is not signed"]
    signed = slipway.run("signing", "sign")
    assert signed.returncode == 0 and "toy: signed 1, 2" in signed.stderr, signed.stderr
    assert slipway.run("repository", "verify").returncode == 0
    good = (root / "toy" / "aliases.json").read_bytes()
    (root / "toy" / "aliases.json").write_text("{")
    broken = slipway.run("signing", "sign")
    assert broken.returncode == 2 and "error: toy/aliases.json: " in broken.stderr and "sync toy" in broken.stderr
    (root / "toy" / "aliases.json").write_bytes(good)

    (row,) = json.loads(slipway.run("signing", "list", "--json").stdout)
    assert (row["name"], row["state"]) == ("release", "active") and row["expires"] > row["created"]
    assert slipway.run("signing", "revoke", row["id"]).returncode == 0
    assert "revoked" in slipway.run("signing", "list").stdout
    after = slipway.run("repository", "verify")
    assert after.returncode == 1 and "the key release, which is revoked" in after.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("create", "no/path"), "must be 1 to 100 letters"),
        (("create", "a", "--expires", "soon"), "must be such as `12h` or `90d`"),
        (("revoke", "nobody"), "slipway signing create NAME"),
    ],
)
def test_what_is_refused(slipway: Slipway, words: tuple[str, ...], said: str) -> None:
    done = slipway.run("signing", *words)
    assert done.returncode == 2 and said in done.stderr
    assert not (slipway.home / "signing").exists() and not Path(slipway.home / "trusted-keys").exists()
