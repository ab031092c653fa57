from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from serving.hosting.autoscaling import IN_FLIGHT, QUEUE_SECONDS, LoadPolicy, wanted


@pytest.mark.parametrize(
    ("in_flight", "waits", "replicas"),
    [
        ([], [], 0.0),
        ([8.0], [0.0], 1.0),
        ([8.0, 12.0], [0.0, 0.0], 2.5),
        # The wait for a batch is twice what it should be, whatever is in flight.
        ([1.0, 1.0], [0.02, 0.06], 4.0),
        ([1.0, 1.0], [0.01, 0.02], 1.5),
        # A queue grows without bound; the number of replicas at once does not.
        ([1.0], [4.0], 2.0),
    ],
)
def test_as_many_as_keep_both_below_their_targets(
    in_flight: list[float], waits: list[float], replicas: float
) -> None:
    assert wanted(in_flight, waits, target_in_flight=8.0, target_wait=0.02) == pytest.approx(replicas)


def context(reported: Any) -> Any:
    return SimpleNamespace(aggregated_metrics=reported, config=SimpleNamespace(target_ongoing_requests=4.0))


def test_the_policy_reads_what_replicas_report() -> None:
    policy = LoadPolicy(target_queue_seconds=0.02)
    assert policy(context({IN_FLIGHT: {"a": 10.0, "b": 6.0}, QUEUE_SECONDS: {"a": 0.0, "b": 0.0}})) == (4.0, {})
    assert policy(context({})) == policy(context(None)) == (0.0, {})


def test_ray_copies_it_into_its_controller_without_the_rest_of_this_repository() -> None:
    # In processes of their own: the controller's does not have this repository on its path in every cluster.
    pack = (
        "import pickle, sys\n"
        "from ray.serve.config import AutoscalingPolicy\n"
        "path = 'serving.hosting.autoscaling:LoadPolicy'\n"
        "made = AutoscalingPolicy(policy_function=path, policy_kwargs={'target_queue_seconds': 0.02})\n"
        "sys.stdout.buffer.write(made.get_serialized_policy_def())\n"
    )
    use = (
        "import sys, types\n"
        "from ray import cloudpickle\n"
        "policy = cloudpickle.load(sys.stdin.buffer)(target_queue_seconds=0.02)\n"
        "config = types.SimpleNamespace(target_ongoing_requests=4.0)\n"
        "print(policy(types.SimpleNamespace(aggregated_metrics={'in_flight': {'a': 6.0}}, config=config)))\n"
        "print('serving' in sys.modules)\n"
    )
    copy = subprocess.run([sys.executable, "-c", pack], capture_output=True, timeout=120, check=True).stdout
    done = subprocess.run([sys.executable, "-c", use], input=copy, capture_output=True, timeout=120, check=True)
    assert done.stdout.decode().split("\n") == ["(1.5, {})", "False", ""]
