from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from serving.observe import series
from serving.observe.metrics import Metrics
from serving.observe.request_record import RequestRecord
from serving.observe.requests import RequestEvents
from tests.serving.observe.test_metrics import environ, scrape

KEPT = 4


def shown(metrics: Metrics) -> set[tuple[str, str]]:
    """App and version of each series of batches."""
    text = metrics.render()[0].decode()
    return set(re.findall(r'slipway_batch_rows_count\{app="([^"]*)",version="([^"]*)"', text))


def test_versions_that_were_unloaded_are_forgotten_after_their_last_values_were_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(series, "KEPT", KEPT)
    metrics = Metrics()
    events = RequestEvents(metrics, lambda lines: None)
    events._timed = True  # there is no loop here
    stays = metrics.version("stays", 1)
    for number in range(1, KEPT + 11):
        opened = metrics.version("churn", number)
        opened.batch(2, 0.1, 1)
        opened.queued(3)
        events.started("v1")
        events.finished(record(number))
        opened.closed()
        opened.closed()
        text = metrics.render()[0].decode()
        assert f'slipway_batch_rows_sum{{app="churn",version="{number}"}} 2.0' in text
        assert f'slipway_queue_rows{{app="churn",version="{number}"}} 0.0' in text
    kept = {("churn", str(number)) for number in range(11, KEPT + 11)}
    assert shown(metrics) == {*kept, ("stays", "1")}
    assert 'version="10"' not in metrics.render()[0].decode()
    assert len(metrics._versions) == 1
    assert metrics.statistics.find("churn", 10) is None
    again = metrics.version("churn", 11)
    metrics.version("churn", 11).closed()
    for number in range(KEPT + 2):
        metrics.version("other", number).closed()
    assert shown(metrics) >= {("churn", "11"), ("stays", "1")}, "one of two observers still counts"
    again.closed()
    assert 'app="churn"' in metrics.render()[0].decode()
    for number in range(100, 100 + KEPT):
        metrics.version("other", number).closed()
    assert 'app="churn"' not in metrics.render()[0].decode(), "the last version of a model ends its series"
    stays.batch(1, 0.1, 1)
    assert ("stays", "1") in shown(metrics)


def record(version: int) -> RequestRecord:
    return RequestRecord("r", "v1", "POST", "/v1", "churn", version, 200, 0.1, 1, "", "", 1.0)


FORGET = """
import gc
from prometheus_client import values
from serving.observe.metrics import Metrics
metrics = Metrics()
def alive():
    gc.collect()
    return sum(type(one) is values.ValueClass for one in gc.get_objects())
sizes = []
for number in range(200):
    made = metrics.version("churn", number)
    made.batch(2, 0.1, 1)
    made.closed()
    if number % 100 == 99:
        sizes.append(alive())
print(sizes[0] == sizes[1] > 0)
"""


def test_shared_values_of_forgotten_versions_take_no_memory_and_stay_in_the_sums(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FORGET]
    done = subprocess.run(command, env=environ(tmp_path), capture_output=True, text=True, check=True)
    assert done.stdout == "True\n" and done.stderr == ""
    assert 'slipway_batch_rows_sum{app="churn",version="3"} 2.0' in scrape(tmp_path)
