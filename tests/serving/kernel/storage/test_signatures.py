"""What is refused although every digest is right."""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from serving.kernel.settings import Settings, SettingsError
from serving.kernel.storage import signatures
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.signatures import Signatures, signed_bytes
from serving.kernel.storage.version_files import Refused
from tests.serving.signing import Pair, pair, sign_aliases, sign_version
from tests.serving.toy import write_manifest, write_version


class Place:
    """A repository with one signed version, and what a gateway trusts."""

    def __init__(self, folder: Path) -> None:
        self.root, self.trusted = folder / "models", folder / "trusted"
        self.remembered = folder / "home" / "accepted-aliases.json"
        self.key = pair(self.trusted)
        self.version = write_version(self.root, 1)
        sign_version(self.version, self.key)
        sign_aliases(self.root / "toy", self.key, 1)

    @property
    def app(self) -> Path:
        return self.root / "toy"

    def repository(self, policy: str = "enforce") -> Repository:
        return Repository(self.root, Signatures(self.trusted, policy, self.remembered))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(signatures, "LOOK_SECONDS", -1.0)
    return Place(tmp_path)


def test_what_was_signed_is_accepted(place: Place) -> None:
    found = place.repository()
    assert found.guarded and found.verify("toy", 1).version == 1
    assert found.aliases("toy").champion == 1


def test_the_form_is_that_of_dsse() -> None:
    assert signed_bytes("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def other_weights(place: Place) -> None:
    """The attack: other weights, with digests and golden rows that fit them."""
    shutil.rmtree(place.version)
    kept = write_version(place.root, 1, (2.0, 100.0))
    assert kept == place.version


def sealed_again(place: Place) -> None:
    (place.version / "model.onnx").write_bytes(b"other")
    write_manifest(place.version, 1)


def one_blank_more(place: Place) -> None:
    with (place.version / "manifest.json").open("ab") as manifest:
        manifest.write(b" ")


def foreign(place: Place) -> None:
    sign_version(place.version, Pair(place.trusted, "stranger"))


def of_aliases(place: Place) -> None:
    aliases = json.loads((place.app / "aliases.json").read_bytes())
    (place.version / "manifest.sig").write_text(json.dumps({"signatures": aliases["signatures"]}))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (other_weights, "manifest.sig: the version is not signed"),
        (sealed_again, "manifest.sig: was not signed with the key release as it is"),
        (one_blank_more, "manifest.sig: was not signed with the key release as it is"),
        (foreign, "manifest.sig: is signed with the key '[0-9a-f]{16}', which is not trusted here"),
        (of_aliases, "manifest.sig: was not signed with the key release as it is"),
        (lambda place: (place.version / "manifest.sig").write_text("{"), "manifest.sig: "),
        (lambda place: (place.version / "manifest.sig").write_text("{}"), "manifest.sig: is not signed"),
        (lambda place: (place.version / "manifest.sig").unlink(), "manifest.sig: the version is not signed"),
        (lambda place: place.key.trust(expires=time.time()), "the key release, which is expired"),
        (lambda place: place.key.trust(revoked=time.time()), "the key release, which is revoked"),
        (lambda place: (place.version / "more.txt").touch(), "more.txt is not in the manifest"),
        (lambda place: (place.version / "model.onnx").write_bytes(b"x"), "model.onnx: sha256 is"),
    ],
)
def test_a_version_that_is_refused(place: Place, change: Callable[[Place], None], said: str) -> None:
    found = place.repository()
    change(place)
    with pytest.raises(Refused, match=said):
        found.verify("toy", 1)


def test_the_version_of_another_app(place: Place) -> None:
    shutil.copytree(place.app, place.root / "joy")
    with pytest.raises(Refused, match="manifest.json is of toy version 1"):
        place.repository().verify("joy", 1)
    with pytest.raises(Refused, match="aliases.json: was not signed"):
        place.repository().aliases("joy")


def test_one_key_takes_the_place_of_another(place: Place) -> None:
    second = pair(place.trusted, "second")
    content = (place.version / "manifest.json").read_bytes()
    both = second.signer.manifest(content, (place.version / "manifest.sig").read_bytes())
    (place.version / "manifest.sig").write_bytes(both)
    place.key.trust(revoked=time.time())
    assert place.repository().verify("toy", 1).version == 1


def test_older_aliases_are_refused_also_by_the_next_process(place: Place) -> None:
    found = place.repository()
    first = (place.app / "aliases.json").read_bytes()
    number = found.aliases("toy").number
    sign_aliases(place.app, place.key, 2, number)
    assert found.aliases("toy").champion == 2
    (place.app / "aliases.json").write_bytes(first)
    for one in (found, place.repository()):
        with pytest.raises(Refused, match=f"aliases.json: is an older file: its number is {number}, and"):
            one.aliases("toy")
    (place.app / "aliases.json").unlink()
    with pytest.raises(Refused, match="aliases.json: is empty or gone, and its number"):
        place.repository().aliases("toy")
    (place.app / "aliases.json").write_text('{"champion": 1}')
    with pytest.raises(Refused, match="aliases.json: is not signed"):
        place.repository().aliases("toy")


def test_an_app_without_aliases_has_none(place: Place) -> None:
    (place.app / "aliases.json").unlink()
    assert place.repository().aliases("toy").champion is None


def test_a_warning_is_given_once(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    found = place.repository("warn")
    (place.version / "manifest.sig").unlink()
    (place.app / "aliases.json").write_text('{"champion": 1}')
    for _ in range(2):
        assert found.verify("toy", 1).version == found.aliases("toy").champion == 1
    assert not found.guarded
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert "toy version 1: manifest.sig: the version is not signed" in caplog.text


def test_keys_that_cannot_be_read_later_stay(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    found = place.repository()
    place.key.path.write_text("{")
    assert found.verify("toy", 1).version == 1
    assert "the trusted keys stay as they were: " in caplog.text


def test_a_home_that_cannot_be_written_stops_nobody(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    place.remembered.parent.write_text("a file")
    assert place.repository().aliases("toy").champion == 1
    assert "the number of the aliases of toy was not written" in caplog.text


def test_a_signature_changes_the_stamp(place: Place) -> None:
    found = place.repository()
    before = found.stamp("toy", 1)
    (place.version / "manifest.sig").unlink()
    without = found.stamp("toy", 1)
    sign_version(place.version, place.key)
    assert len({before, without, found.stamp("toy", 1)}) == 3


def test_the_settings(place: Place) -> None:
    assert Signatures.of(Settings(model_repository=place.root)) is None
    assert Signatures.of(Settings(signatures="off", trusted_keys=str(place.trusted))) is None
    found = Signatures.of(Settings(model_repository=place.root, trusted_keys=str(place.trusted)))
    assert found is not None and found.enforced
    found = Signatures.of(
        Settings(model_repository=place.root, trusted_keys=str(place.trusted), signatures="warn")
    )
    assert found is not None and not found.enforced
    for settings, said in (
        (Settings(signatures="enforce"), "SLIPWAY_SIGNATURES: 'enforce' needs SLIPWAY_TRUSTED_KEYS"),
        (Settings(trusted_keys=str(place.root.parent / "none")), "slipway signing create NAME"),
        (Settings(model_repository=place.root, trusted_keys=str(place.root / "keys")), "must not be in the model"),
    ):
        with pytest.raises(SettingsError, match=said):
            Signatures.of(settings)
    with pytest.raises(SettingsError, match="SLIPWAY_SIGNATURES: 'on' is not one of off, warn, enforce"):
        Settings(signatures="on")
