"""What a gate measured, as tables and as JSON."""

from __future__ import annotations

import json

import pytest

from control.commands.apps.verdicts import show_refusal
from serving.kernel.storage.version_manifest import Check, Metric
from training.errors import GateRefused


@pytest.mark.parametrize("as_json", [False, True])
def test_a_refusal_shows_metrics_and_checks(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    refusal = GateRefused((Check(name="beats it", passed=False, measured="0.1", required="above 0.2"),), "r1")
    refusal.metrics = (Metric(name="mae", value=3.5, baseline=4.0, rows=100),)
    show_refusal(refusal, as_json)
    out, err = capsys.readouterr()
    if as_json:
        found = json.loads(out)
        assert (found["verdict"], found["run_id"], found["metrics"][0]["baseline"]) == ("refused", "r1", 4.0)
        assert found["checks"][0]["measured"] == "0.1"
    else:
        rows = [line.split() for line in out.splitlines()]
        assert ["mae", "all", "3.5", "4", "100"] in rows
        assert ["beats", "it", "FAILED", "0.1", "above", "0.2"] in rows
        assert "run r1 in MLflow" in err
