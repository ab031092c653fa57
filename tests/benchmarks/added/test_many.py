from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks.added import many, models
from benchmarks.added.many import Found
from benchmarks.setup.place import BenchmarkError, Place
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.version_manifest import GOLDEN_NAME
from tests.benchmarks.made import sample


def test_a_model_costs_what_it_takes_more_than_the_gateway_with_one() -> None:
    one = Found(models=1, seconds=1.0, memory=100.0, idle=0.001, threads=8, after=110.0)
    more = Found(models=101, seconds=2.5, memory=150.0, idle=0.0123, threads=9, after=160.0)
    assert many.start_rows([one, more]) == [
        ("1", "1.00", "100", "", "110", "8", "0.1%"),
        ("101", "2.50", "150", "0.50", "160", "9", "1.2%"),
    ]
    assert all(len(row) == len(many.START) for row in many.start_rows([one, more]))


def test_rounds_become_their_median_and_no_error_is_lost() -> None:
    seen = many.middle([sample(100), sample(300, errors=2), sample(200)])
    assert (seen.requests, seen.errors, seen.seconds, seen.p50_ms, seen.rate) == (602, 2, 3.0, 1.0, 200)
    (row,) = many.load_rows({16: {100: seen}})
    assert row == ("16", "100", "602", "2", "200", "1.00", "2.00", "0%")
    assert len(row) == len(many.LOAD)


def test_a_gateway_is_measured_once_every_model_answers_rightly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many, "IDLE_SECONDS", 0.1)
    root = tmp_path / "models"
    first, second = names = models.publish(root, 2)
    repository = Repository(root)
    with many._gateway(names, root, Place(tmp_path)) as server:
        found = many._look(server, len(names))
        many.check(server.launch.http, repository, names)
        shutil.copy(repository.folder(first, 1) / GOLDEN_NAME, repository.folder(second, 1) / GOLDEN_NAME)
        with pytest.raises(BenchmarkError, match=f"{second} answers .*; expected"):
            many.check(server.launch.http, repository, names)
        with pytest.raises(BenchmarkError, match="nothing: 404"):
            shutil.copytree(root / first, root / "nothing")
            many.check(server.launch.http, repository, ["nothing"])
    assert found.memory > 20 and found.threads > 1 and found.seconds > 0
