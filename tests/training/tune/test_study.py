from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.tune.tunable import Tunable
from training.errors import TuneError
from training.registry.tuning_results import best_of
from training.tune.study import JOURNAL, Study, opened

RECIPE = Tunable()
GOOD = {"value": 2.0, "cost": 2.0, "rounds": 9}


def go(folder: Path) -> Study:
    """The search as a process that is killed leaves it: nothing is closed."""
    folder.mkdir(exist_ok=True)
    return Study(folder / JOURNAL, RECIPE.space(), RECIPE.defaults, 7)


def test_the_defaults_come_first_and_each_end_is_kept(tmp_path: Path) -> None:
    study = go(tmp_path)
    trials = [study.propose(4) for _ in range(5)]
    assert [trial.number for trial in trials if trial] == [0, 1, 2, 3] and trials[4] is None
    assert trials[0] and trials[1] and trials[2] and trials[3]
    assert trials[0].params == RECIPE.defaults
    study.close(trials[0], GOOD, 1.5)
    study.close(trials[1], {"percent": 20.0, "loss": 3.0, "rounds": 8}, 1.0)
    study.close(trials[2], {"error": "ValueError: no"}, 1.0)
    study.close(trials[3], {"value": 0.5, "cost": -0.5, "rounds": 1}, 1.0)
    for again in (study, go(tmp_path)):
        ended = again.ended()
        assert [trial.state for trial in ended] == ["finished", "pruned", "failed", "finished"]
        assert [trial.value for trial in ended] == [2.0, None, None, 0.5]
        assert [trial.reason for trial in ended] == ["", "stopped at 20 % of its rounds", "ValueError: no", ""]
        assert [trial.rounds for trial in ended] == [9, 8, 0, 1]
        assert ended[0].seconds == 1.5 and ended[0].ended > 1.7e9
        best = best_of(ended)
        assert best and best.number == 3
        assert again.propose(4) is None
    assert go(tmp_path).id == study.id != go(tmp_path / "other").id


def test_what_was_cut_off_runs_again_under_its_number(tmp_path: Path) -> None:
    study = go(tmp_path)
    first, second = study.propose(9), study.propose(9)
    assert first and second
    study.close(second, GOOD, 1.0)
    again = go(tmp_path)
    repeated, third = again.propose(9), again.propose(9)
    assert repeated and third
    assert (repeated.number, repeated.params) == (0, RECIPE.defaults)
    assert third.number == 2 and third.params != second.params, "the sampler does not draw the same once more"
    again.close(repeated, GOOD, 1.0)
    assert [trial.number for trial in again.ended()] == [0, 1]


def test_two_processes_do_not_share_a_search(tmp_path: Path) -> None:
    with opened(tmp_path, RECIPE.space(), RECIPE.defaults, 7) as study:
        assert study.propose(2)
        with (
            pytest.raises(TuneError, match="running in another process"),
            opened(tmp_path, RECIPE.space(), RECIPE.defaults, 7),
        ):
            raise AssertionError


def test_a_journal_that_was_torn_is_read_as_far_as_it_is_whole(tmp_path: Path) -> None:
    with opened(tmp_path, RECIPE.space(), RECIPE.defaults, 7) as study:
        trial = study.propose(2)
        assert trial
        study.close(trial, GOOD, 1.0)
    journal = tmp_path / JOURNAL
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"op_code": 5, "wor')
    (tmp_path / f"{JOURNAL}.lock").symlink_to(journal)
    with opened(tmp_path, RECIPE.space(), RECIPE.defaults, 7) as study:
        assert [trial.number for trial in study.ended()] == [0]
        assert study.propose(2)
