from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from control.stack.ray_hook import ADDRESS_FILE, prepare


def test_no_client_server_and_no_trace_of_an_earlier_ray(tmp_path: Path) -> None:
    (tmp_path / ADDRESS_FILE).touch()
    params = SimpleNamespace(ray_client_server_port=10001, temp_dir=str(tmp_path))
    prepare(params, head=True)
    assert params.ray_client_server_port is None
    assert not (tmp_path / ADDRESS_FILE).exists()
    prepare(params, head=True)
