from __future__ import annotations

from pathlib import Path

import pytest

from control.stack.files.layout import Layout
from control.stack.files.state import COLLECTIONS, StackState, read_state, remove_state, write_state

PORTS = {
    "mlflow_port": 5001,
    "ray_port": 6381,
    "triton_http_port": 1,
    "triton_grpc_port": 2,
    "triton_metrics_port": 3,
    "http_port": 4,
    "grpc_port": 5,
}


def make(home: Path, parts: tuple[str, ...]) -> StackState:
    home.mkdir(exist_ok=True)
    return StackState(
        stack_id="id",
        home=str(home),
        run="/tmp/run x",
        model_repository="/m",
        parts=parts,
        ports=PORTS,
        started=1.0,
    )


def test_it_survives_the_disk(tmp_path: Path) -> None:
    state = make(tmp_path / "h", ("postgres", "mlflow"))
    write_state(state)
    assert read_state(tmp_path / "h") == state
    remove_state(Layout.of(tmp_path / "h"))
    assert read_state(tmp_path / "h") is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"stack_id": 3}'])
def test_half_a_file_is_no_stack(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)
    assert read_state(tmp_path) is None


def test_addresses(tmp_path: Path) -> None:
    state = make(tmp_path, ("postgres", "mlflow", "ray", "triton", "gateway"))
    assert state.mlflow_uri == "http://127.0.0.1:5001"
    assert state.ray_address == "127.0.0.1:6381"
    assert (state.triton_http, state.triton_grpc, state.triton_metrics) == tuple(
        f"127.0.0.1:{n}" for n in (1, 2, 3)
    )
    assert (state.http, state.grpc) == ("127.0.0.1:4", "127.0.0.1:5")
    assert state.dsn("mlflow", "psycopg") == "postgresql+psycopg://postgres@/mlflow?host=/tmp/run%20x/pg"
    assert state.dsn(COLLECTIONS) == "postgresql://postgres@/slipway?host=/tmp/run%20x/pg"


def test_parts_left_out_have_no_address(tmp_path: Path) -> None:
    state = make(tmp_path, ())
    assert {state.mlflow_uri, state.ray_address, state.triton_grpc, state.http, state.dsn("x")} == {""}
    assert not {"MLFLOW_TRACKING_URI", "RAY_ADDRESS", "SLIPWAY_TRITON_URL"} & state.environment().keys()
    assert state.environment()["SLIPWAY_HTTP_PORT"] == "4"
