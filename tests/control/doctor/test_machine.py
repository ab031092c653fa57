from __future__ import annotations

import resource
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from control.doctor import machine
from control.settings import StackSettings
from tests.serving.signing import pair, sign_aliases, sign_version
from tests.serving.toy import write_aliases, write_version


@pytest.fixture
def settings(tmp_path: Path) -> StackSettings:
    return StackSettings(home=tmp_path / "home", model_repository=tmp_path / "models")


def test_a_port_in_use_names_its_holder_and_its_setting(settings: StackSettings) -> None:
    free = {name: 0 for names in machine.PORTS.values() for name in names}
    given: dict[str, Any] = {"home": settings.home, **free}
    (found,) = machine.ports(StackSettings(**given))
    assert found.state == "ok"
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (found,) = machine.ports(StackSettings(**given | {"grpc_port": port}))
    assert found.state == "error" and found.text.startswith(f"port {port} is in use by pid ")
    assert "SLIPWAY_GRPC_PORT" in found.advice


@pytest.mark.parametrize(("free", "state"), [(900 << 20, "error"), (2 << 30, "warning"), (9 << 30, "ok")])
def test_room_on_the_disk(settings: StackSettings, monkeypatch: pytest.MonkeyPatch, free: int, state: str) -> None:
    seen: list[Path] = []

    def usage(place: Path) -> Any:
        seen.append(place)
        return type("Usage", (), {"free": free})

    monkeypatch.setattr(shutil, "disk_usage", usage)
    assert [one.state for one in machine.disk(settings)] == [state, state]
    assert all(place.is_dir() for place in seen), "folders that do not exist yet are on the disk of those above"


def test_limits(settings: StackSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert next(machine.limits(settings)).state == "ok"
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 1024))
    found = next(machine.limits(settings))
    assert found.state == "warning" and "a process may open 1024 files" in found.text
    monkeypatch.setattr(machine, "LITTLE_MEMORY", 1 << 60)
    *_, memory = machine.limits(settings)
    assert memory.state == "warning" and "of memory are free" in memory.text


def test_versions(settings: StackSettings, tmp_path: Path) -> None:
    (none,) = machine.versions(settings)
    assert none.state == "warning" and "slipway add" in none.advice
    for number in (1, 2):
        write_version(settings.model_repository, number)
    write_aliases(settings.model_repository, 1)
    (tmp_path / "models" / "toy" / "2" / "model.onnx").write_bytes(b"rot")
    (found,) = machine.versions(settings)
    assert found.state == "ok", "version 2 does not answer"
    (tmp_path / "models" / "toy" / "1" / "model.onnx").write_bytes(b"rot")
    (found,) = machine.versions(settings)
    assert found.state == "error" and found.text.startswith("toy: model.onnx: sha256 is")


def test_versions_that_nobody_signed(settings: StackSettings, tmp_path: Path) -> None:
    key = pair(tmp_path / "trusted")
    folder = write_version(settings.model_repository, 1)
    guarded = StackSettings(
        home=settings.home, model_repository=settings.model_repository, trusted_keys=str(tmp_path / "trusted")
    )
    write_aliases(settings.model_repository, 1)
    (found,) = machine.versions(guarded)
    assert found.text == "toy: aliases.json: is not signed"
    sign_version(folder, key)
    sign_aliases(folder.parent, key, 1)
    assert [one.state for one in machine.versions(guarded)] == ["ok"]
