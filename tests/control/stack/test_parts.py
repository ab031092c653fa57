from __future__ import annotations

from pathlib import Path

import pytest

from control.errors import StackError
from control.settings import StackSettings
from control.stack.files.state import StackState
from control.stack.parts import NEEDS, ORDER, build, choose, trainer


def test_all_by_default_in_an_order_that_respects_needs() -> None:
    chosen = choose()
    assert chosen == ORDER
    assert all(chosen.index(need) < chosen.index(name) for name in chosen for need in NEEDS[name])


def test_without_and_only() -> None:
    assert choose(without=["triton"]) == ("postgres", "mlflow", "ray", "gateway")
    assert choose(only=["mlflow", "postgres"]) == ("postgres", "mlflow")


@pytest.mark.parametrize(
    ("only", "without", "said"),
    [
        ([], ["tritton"], "there is no part 'tritton'; there are: postgres"),
        ([], ["postgres"], "mlflow needs postgres: leave mlflow out too"),
        (["gateway"], [], "gateway needs ray"),
        (["ray"], ["ray"], "no part is left"),
    ],
)
def test_choices_that_cannot_work(only: list[str], without: list[str], said: str) -> None:
    with pytest.raises(StackError, match=said):
        choose(only, without)


def test_everything_listens_on_loopback(settings: StackSettings, tmp_path: Path) -> None:
    ports = {f"{name}_port": 1000 for name in ("mlflow", "ray", "triton_http", "triton_grpc", "triton_metrics")}
    state = StackState(
        stack_id="id",
        home=str(tmp_path),
        run="/tmp/r",
        model_repository=str(tmp_path / "models"),
        parts=ORDER,
        ports={**ports, "http_port": 1000, "grpc_port": 1001},
        started=0.0,
    )
    parts = build(state, settings)
    assert list(parts) == list(ORDER)
    assert "--host=127.0.0.1" in parts["mlflow"].command
    assert "--node-ip-address=127.0.0.1" in parts["ray"].command
    assert {f"--{door}-address=127.0.0.1" for door in ("http", "grpc", "metrics")} <= set(parts["triton"].command)
    assert parts["gateway"].needs == (), "it waits for Ray by itself"
    assert parts["gateway"].detail == "native door, gRPC at 127.0.0.1:1001"
    assert not any(part.is_task for part in parts.values()) and trainer(state).is_task
    assert not (tmp_path / "models").exists(), "building makes nothing"
