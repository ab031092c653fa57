from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from serving.observe.metrics import SLICE, Metrics, observe_many

WORK = """
import sys
from serving.observe.metrics import Metrics
metrics = Metrics()
metrics.requests.labels("v1", "/route", "price", "3", "200").inc(int(sys.argv[1]))
version = metrics.version("price", 3)
version.batch(int(sys.argv[1]), 0.001, 1)
version.waited(0.004, 0.004, 1)
version.queued(int(sys.argv[1]))
metrics.flush()
if sys.argv[2] == "stay":
    print("ready", flush=True)
    sys.stdin.read()
"""

SCRAPE = "from serving.observe.metrics import Metrics; print(Metrics().render()[0].decode())"


def environ(folder: Path) -> dict[str, str]:
    return {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)}


def scrape(folder: Path) -> str:
    command = [sys.executable, "-c", SCRAPE]
    return subprocess.run(command, env=environ(folder), capture_output=True, text=True, check=True).stdout


def test_one_process_shows_its_values() -> None:
    metrics = Metrics()
    metrics.requests.labels("v2", "/route", "price", "1", "200").inc()
    metrics.version("price", 1).rejected("overload")
    body, kind = metrics.render()
    assert kind.startswith("text/plain")
    line = b'slipway_requests_total{app="price",door="v2",route="/route",status="200",version="1"} 1.0'
    assert line in body
    assert b'slipway_rejections_total{app="price",reason="overload",version="1"} 1.0' in body


def test_replicas_are_added_up_and_the_dead_leave_no_queue_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WORK]
    subprocess.run([*command, "2", "go"], env=environ(tmp_path), check=True)
    with subprocess.Popen(
        [*command, "3", "stay"], env=environ(tmp_path), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as alive:
        assert alive.stdout is not None
        alive.stdout.readline()
        text = scrape(tmp_path)
        alive.kill()
    counted = 'slipway_requests_total{app="price",door="v1",route="/route",status="200",version="3"} 5.0'
    assert counted in text
    assert 'slipway_batch_rows_sum{app="price",version="3"} 5.0' in text
    assert 'slipway_queue_rows{app="price",version="3"} 3.0' in text
    assert 'slipway_queue_duration_seconds_bucket{app="price",le="0.005",version="3"} 2.0' in text
    after = scrape(tmp_path)
    assert counted in after
    assert "slipway_queue_rows{" not in after


def test_many_values_are_observed_as_if_one_by_one() -> None:
    values = [0.0, 0.0005, 0.00051, 0.3, 10.0, 11.0, 1e9, 0.0005]
    texts = []
    for together in (True, False):
        metrics = Metrics()
        histogram = metrics.seconds.labels("v1", "/r", "price")
        if together:
            observe_many(histogram, values)
        else:
            for value in values:
                histogram.observe(value)
        lines = metrics.render()[0].decode().splitlines()
        texts.append([line for line in lines if "_created" not in line])
    assert texts[0] == texts[1]


def test_the_mean_wait_is_that_since_it_was_asked_last() -> None:
    metrics = Metrics()
    assert metrics.mean_wait() == 0.0
    for version, wait in ((1, 0.1), (1, 0.2), (2, 0.6)):
        metrics.version("price", version).waited(wait, wait, 1)
    assert abs(metrics.mean_wait() - 0.3) < 1e-9
    assert metrics.mean_wait() == 0.0
    assert 'slipway_queue_duration_seconds_count{app="price",version="1"} 2.0' in metrics.render()[0].decode()


def test_many_versions_are_updated_in_turns_of_the_loop() -> None:
    metrics = Metrics()
    versions = [metrics.version(f"m{index}", 1) for index in range(3 * SLICE)]

    def updated() -> int:
        name = "slipway_batch_rows_count"
        found = [
            metrics._registry.get_sample_value(name, {"app": f"m{i}", "version": "1"}) for i in range(3 * SLICE)
        ]
        return sum(count == 1 for count in found)

    async def main() -> list[int]:
        for version in versions:
            version.batch(1, 0.1, 1)
        metrics.flush_in_turns()
        metrics.flush_in_turns()
        seen = [updated()]
        while seen[-1] < len(versions):
            await asyncio.sleep(0)
            seen.append(updated())
        await asyncio.sleep(0)
        versions[0].batch(1, 0.1, 1)
        metrics.flush_in_turns()
        return [*seen, updated()]

    assert asyncio.run(main()) == [SLICE, 2 * SLICE, 3 * SLICE, 3 * SLICE - 1], "and again from the first one"
