from __future__ import annotations

import psutil

from benchmarks.setup.usage import cpu_seconds, memory, peak, spent


def test_memory_of_this_process() -> None:
    found = memory([psutil.Process()])
    assert 10 < found.pss <= found.rss * 1.2
    assert found.rss <= peak([psutil.Process()]) * 1.05, "it never had less than it has"


def test_a_process_that_is_gone_counts_nothing() -> None:
    with psutil.Popen(["true"]) as process:
        process.wait()
    found = memory([process])
    assert (found.pss, found.rss, peak([process]), cpu_seconds([process])) == (0, 0, 0, {})


def test_cpu_is_what_was_used_between_two_looks() -> None:
    me = psutil.Process()
    before = cpu_seconds([me])
    while spent(before, cpu_seconds([me])) < 0.02:
        sum(range(10_000))
    assert spent({1: 5.0, 2: 1.0}, {1: 7.5, 3: 0.5}) == 3.0
