from __future__ import annotations

from benchmarks.parts.attack import fuzz

SECONDS = 3.0


def test_every_way_into_the_gateway_answers_alike() -> None:
    report = fuzz(SECONDS, seed=20261130)
    assert report.differences == []
    assert report.compared.keys() == {"tensors", "bytes"} and {200, 400, 422} <= report.statuses.keys()
