"""`slipway train` from the shell: a search's options and table. Training itself: tests/training, tests/e2e."""

from __future__ import annotations

from pathlib import Path

import pytest

from control.commands.apps.train import _show_search
from tests.control.conftest import Slipway
from training.registry.tuning_results import TrialResult, Tuned


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--tune-minutes", "5"), "needs --tune"),
        (("--tune", "5", "--tune-minutes", "0"), "must be more than 0"),
        (("--tune", "1"), "'--tune'"),
        (("--tune", "many"), "'--tune'"),
    ],
)
def test_what_a_search_refuses(slipway: Slipway, options: tuple[str, ...], said: str) -> None:
    done = slipway.run("train", "price", *options)
    assert done.returncode == 2 and said in " ".join(done.stderr.split())


def test_the_best_trials_are_shown_and_the_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    trials = [
        TrialResult(
            number=number,
            state="finished",
            params={"eta": 0.3 / (number + 1), "depth": 3},
            value=9.0 - number,
            cost=-number,
        )
        for number in range(8)
    ]
    stopped = TrialResult(number=8, state="pruned", params={"eta": 0.1, "depth": 3}, reason="stopped at 20 %")
    defaults = {"eta": 0.3, "depth": 3}
    _show_search(Tuned(metric="mae", best=7, params={}, defaults=defaults, trials=(*trials, stopped), folder=""))
    out, err = capsys.readouterr()
    rows = [line.split() for line in out.splitlines()]
    assert rows[0] == ["trial", "mae", "depth", "eta"]
    assert [row[0] for row in rows[1:]] == ["7", "6", "5", "4", "3", "0,"]
    assert rows[1] == ["7", "2", "3", "0.0375"] and rows[-1][-2:] == ["3", "0.3"]
    assert "8 of 9 trials finished, 1 were stopped early, 0 failed" in err


def test_a_wrong_file_is_refused_and_nothing_is_started(slipway: Slipway, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("market;date;price;commodity\na;03/04/2020;5;onion\n")
    for words, said in (
        ((str(tmp_path / "gone.csv"),), "there is no such file"),
        ((str(tmp_path / "p.csv"),), "--dates day-first or --dates month-first"),
        ((str(tmp_path / "p.csv"), "--dates", "day-first"), "the table spans 0 days"),
        ((str(tmp_path / "p.csv"), "--dates", "iso"), "expected day-first or month-first"),
    ):
        done = slipway.run("train", "price", "--data", *words)
        assert done.returncode == 2 and said in " ".join(done.stderr.split()), done.stderr
        assert not slipway.home.exists() and not slipway.left()
