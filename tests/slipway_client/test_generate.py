from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from slipway_client import Client
from slipway_client.generate import main, source_of
from tests.serving.edge.toy import ToyPlane
from tests.slipway_client.faulty import Faulty, answer


def test_a_module_of_a_running_gateway_is_written_and_used(
    toy: tuple[ToyPlane, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "models.py"
    assert main([toy[1], "toy", "-o", str(path)]) == 0
    assert main([toy[1], "toy"]) == 0
    assert capsys.readouterr().out == path.read_text()
    spec = importlib.util.spec_from_file_location("models", path)
    assert spec is not None and spec.loader is not None
    models = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(models)
    with Client(toy[1]) as client:
        question = models.Question(horizon=7, history=[models.Day(price=100.0)])
        assert client.predict(models.TOY, question) == {"price": 107.0}
        assert client.predict(models.TOY, [question, question]) == [{"price": 107.0}] * 2


def test_the_module_that_mypy_checks_is_what_is_written(toy: tuple[ToyPlane, str], root: Path) -> None:
    path = root / "tests" / "slipway_client" / "checked" / "models.py"
    assert path.read_text() == source_of(toy[1], ["toy"]), f"write {path.name} with slipway_client.generate"


def test_mistakes_are_said_in_a_line(
    toy: tuple[ToyPlane, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([toy[1], "nothing"]) == 1
    assert "there is no model 'nothing'; there are every, toy" in capsys.readouterr().err
    assert main(["localhost:8080"]) == 1
    assert "`url` must be" in capsys.readouterr().err
    assert main([toy[1], "-o", str(tmp_path)]) == 1
    assert "Is a directory" in capsys.readouterr().err


def test_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_API_KEY", "secret")
    with Faulty([answer(401)]) as server:
        assert main([server.url]) == 1
        assert server.asked[0].headers["authorization"] == "Bearer secret"
