from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from control import own_key
from control.errors import StackError
from control.settings import StackSettings
from serving.edge.identity.key_file import editing, new_key
from serving.kernel.settings import SettingsError, read


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLIPWAY_API_KEY", "SLIPWAY_API_KEY_FILE", "SLIPWAY_KEY_FOLDER"):
        monkeypatch.delenv(name, raising=False)


def made(folder: Path, *scopes: str) -> str:
    with editing(folder) as (pepper, found):
        key, record = new_key(pepper, "stack", scopes)
        found.keys.append(record)
    return key


def test_without_a_key_nothing_is_shown() -> None:
    assert (own_key.key(), own_key.headers(), own_key.shell_words()) == ("", {}, "")
    own_key.check(read(StackSettings))


def test_a_key_from_the_environment_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_API_KEY", "secret-1")
    assert own_key.headers() == {"authorization": "Bearer secret-1"}
    assert "secret-1" not in own_key.shell_words() + repr(read(StackSettings))
    shown = f"printf '%s' {own_key.shell_words()}"
    assert subprocess.check_output(["/bin/sh", "-c", shown], text=True) == "-Hauthorization: Bearer secret-1"
    (tmp_path / "a key").write_text("secret-2\n")
    monkeypatch.setenv("SLIPWAY_API_KEY_FILE", str(tmp_path / "a key"))
    with pytest.raises(SettingsError, match="not both"):
        own_key.key()
    monkeypatch.delenv("SLIPWAY_API_KEY")
    assert own_key.headers() == {"authorization": "Bearer secret-2"}
    shown = f"printf '%s' {own_key.shell_words()}"
    assert subprocess.check_output(["/bin/sh", "-c", shown], text=True) == "-Hauthorization: Bearer secret-2"


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "is empty"), (b"a\r\nb", "without spaces"), (b"\xff", "ASCII")]
)
def test_a_file_without_a_key_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, reason: str
) -> None:
    monkeypatch.setenv("SLIPWAY_API_KEY_FILE", str(tmp_path / "key"))
    with pytest.raises(SettingsError, match="SLIPWAY_API_KEY_FILE: .*No such file"):
        own_key.key()
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(SettingsError, match=f"SLIPWAY_API_KEY_FILE: .*{reason}"):
        own_key.key()


def test_a_gateway_that_asks_needs_a_key_that_it_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(StackSettings, key_folder=str(tmp_path))
    with pytest.raises(
        StackError, match="set SLIPWAY_API_KEY .*slipway keys create stack --scope predict,operations"
    ):
        own_key.check(settings)
    key = made(tmp_path, "predict")
    monkeypatch.setenv("SLIPWAY_API_KEY", key)
    with pytest.raises(StackError, match="needs the scope 'operations'"):
        own_key.check(settings)
    monkeypatch.setenv("SLIPWAY_API_KEY", key[:-1] + ("A" if key[-1] != "A" else "B"))
    with pytest.raises(StackError, match="not valid") as caught:
        own_key.check(settings)
    assert key[4:] not in str(caught.value)
    monkeypatch.setenv("SLIPWAY_API_KEY", made(tmp_path, "predict", "operations"))
    own_key.check(settings)
    with pytest.raises(SettingsError, match="SLIPWAY_KEY_FOLDER"):
        own_key.check(read(StackSettings, key_folder=str(tmp_path / "none")))
