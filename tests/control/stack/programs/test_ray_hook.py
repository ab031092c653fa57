from __future__ import annotations

import stat
from pathlib import Path
from types import SimpleNamespace

import pytest
from ray._common import utils
from ray._private import services

from control.stack.programs.ray_hook import ADDRESS_FILE, prepare
from training.fit import idle_agent


@pytest.mark.parametrize("with_dashboard", [True, False])
def test_no_client_server_and_no_trace_of_an_earlier_ray(
    tmp_path: Path, with_dashboard: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, command = services.start_api_server, getattr(services, idle_agent.COMMAND)
    monkeypatch.setattr(services, "start_api_server", before)
    monkeypatch.setattr(services, idle_agent.COMMAND, command)
    (tmp_path / ADDRESS_FILE).touch()
    params = SimpleNamespace(
        ray_client_server_port=10001,
        temp_dir=str(tmp_path),
        include_dashboard=with_dashboard,
        dashboard_port=8265,
    )
    monkeypatch.setattr(utils, "try_make_directory_shared", utils.try_make_directory_shared)
    prepare(params, head=True)
    utils.try_to_create_directory(tmp_path / "session")
    assert stat.S_IMODE((tmp_path / "session").stat().st_mode) & stat.S_IWOTH == 0
    assert params.ray_client_server_port is None
    assert params.dashboard_port == (8265 if with_dashboard else None)
    assert not (tmp_path / ADDRESS_FILE).exists()
    assert (services.start_api_server is before) is with_dashboard
    assert (getattr(services, idle_agent.COMMAND) is command) is with_dashboard, "whom nobody asks is not started"
    if not with_dashboard:
        assert services.start_api_server(False, False, "127.0.0.1", port=8265) == (None, None)
    prepare(params, head=True)
