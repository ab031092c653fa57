"""The converting process: what a file's code can do in it, and how it ends."""

from __future__ import annotations

import json
import pickle
import socket
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil
import pytest
from sklearn.linear_model import Ridge

from training.added.errors import AddError
from training.added.sources.exchange import REPORT, Report, Source
from training.added.sources.find import find_source
from training.added.sources.process import HAD_NETWORK, convert_apart

PROBE = """
import json, os, socket
found = {{"names": sorted(os.environ), "home": os.environ["HOME"]}}
try:
    socket.create_connection(("127.0.0.1", {port}), 2)
    found["reached"] = True
except OSError:
    found["reached"] = False
open({path!r}, "w").write(json.dumps(found))
"""
STRAY = "import subprocess, time; subprocess.Popen(['sleep', '600'], start_new_session=True); time.sleep(60)"


class Runs:
    """A pickle that runs code, and is what the code leaves in `model`."""

    def __init__(self, code: str, model: Any = None) -> None:
        self.code = code
        self.model = model

    def __reduce__(self) -> Any:
        given = pickle.dumps(self.model)
        return eval, (f"[exec({self.code!r}), __import__('pickle').loads({given!r})][1]",)


def saved(path: Path, what: Any) -> Source:
    path.write_bytes(pickle.dumps(what))
    return find_source(path)


def test_code_is_not_run_without_trust(tmp_path: Path) -> None:
    source = saved(tmp_path / "m.pkl", Runs(f"open({str(tmp_path / 'ran')!r}, 'w')"))
    with pytest.raises(AddError, match="m.pkl runs Python code of its author.*Give --trust.*skops"):
        convert_apart(source, tmp_path)
    assert not (tmp_path / "ran").exists()


def test_trusted_code_has_neither_network_nor_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    rows = np.random.default_rng(0).standard_normal((20, 2))
    folder = tmp_path / "work"
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = PROBE.format(port=server.getsockname()[1], path=str(tmp_path / "probe.json"))
        source = saved(tmp_path / "m.pkl", Runs(code, Ridge(1e-6).fit(rows, rows[:, 0])))
        made = convert_apart(source, folder, trust=True)
    found = json.loads((tmp_path / "probe.json").read_text())
    isolated = msgspec.json.decode((folder / REPORT).read_bytes(), type=Report).isolated
    assert found["reached"] is not isolated
    assert (HAD_NETWORK in made.notes) is not isolated
    assert "AWS_SECRET_ACCESS_KEY" not in found["names"] and found["home"] == str(folder)
    assert made.native is not None and made.path.is_file()
    np.testing.assert_allclose(made.native.outputs["variable"][:, 0], made.native.inputs["input"][:, 0], atol=1e-5)


@pytest.mark.parametrize(
    ("code", "limits", "said"),
    [
        (STRAY, {"seconds": 4}, "did not end within 4 s"),
        ("bytearray(3 << 30)", {"memory": 2 << 30}, "takes more than 2048 MB of memory"),
        (
            "__import__('os').abort()",
            {},
            "ended by the signal SIGABRT; the file is damaged, or the conv",
        ),
        ("__import__('os')._exit(3)", {}, "the conversion failed: it ended with exit code 3"),
    ],
)
def test_limits_hold(tmp_path: Path, code: str, limits: dict[str, int], said: str) -> None:
    source = saved(tmp_path / "m.pkl", Runs(code))
    folder = tmp_path / "work"
    folder.mkdir()
    with pytest.raises(AddError, match=said):
        convert_apart(source, folder, trust=True, **limits)
    assert not [one for one in psutil.process_iter() if home_of(one) == str(folder)]


def home_of(process: psutil.Process) -> str:
    try:
        return process.environ().get("HOME", "")
    except psutil.Error:
        return ""
