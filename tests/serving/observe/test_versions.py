from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from serving.observe.logs import configure
from serving.observe.metrics import Metrics
from serving.observe.versions import VersionEvents

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines(tmp_path: Path) -> Iterator[Lines]:
    """The log lines written until now; stops the writer."""
    path = tmp_path / "gateway.log"
    writer = configure("INFO", path)

    def read() -> list[dict[str, Any]]:
        writer.stop()
        return [json.loads(line) for line in path.read_text().splitlines()]

    yield read
    writer.stop()


def exposed(metrics: Metrics) -> list[str]:
    text = metrics.render()[0].decode()
    return [line for line in text.splitlines() if line.startswith(("slipway_version_ready", "slipway_champion"))]


def test_a_version_is_ready_from_loading_to_unloading() -> None:
    metrics = Metrics()
    events = VersionEvents(metrics)
    events.loaded("price", 3)
    events.champion("price", 3)
    assert exposed(metrics) == [
        'slipway_version_ready{app="price",version="3"} 1.0',
        'slipway_champion_version{app="price"} 3.0',
    ]
    events.unloaded("price", 3)
    assert exposed(metrics)[0] == 'slipway_version_ready{app="price",version="3"} 0.0'


@pytest.mark.parametrize("event", ["refused", "waiting"])
def test_a_version_that_cannot_answer_is_not_ready(event: str) -> None:
    metrics = Metrics()
    getattr(VersionEvents(metrics), event)("price", 4, "why")
    assert exposed(metrics) == ['slipway_version_ready{app="price",version="4"} 0.0']


def test_each_event_is_a_line_with_the_app_and_the_version(lines: Lines) -> None:
    events = VersionEvents(Metrics())
    started = time.time()
    events.waiting("price", 4, "Triton is away")
    events.refused("price", 5, "model.onnx is missing")
    events.loaded("price", 3)
    events.champion("price", 3)
    events.unloaded("price", 2)
    written = lines()
    assert [(line["level"], line["message"], line["version"], line.get("reason")) for line in written] == [
        ("WARNING", "version is not ready yet", 4, "Triton is away"),
        ("ERROR", "version is refused", 5, "model.onnx is missing"),
        ("INFO", "version is verified and ready", 3, None),
        ("INFO", "version is champion", 3, None),
        ("INFO", "version is unloaded", 2, None),
    ]
    assert {(line["app"], line["logger"]) for line in written} == {("price", "serving.versions")}
    assert all(line["time"] >= time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(started)) for line in written)
