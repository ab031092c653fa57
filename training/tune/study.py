"""The trials of one search, in Optuna's journal: a file of JSON lines, each synced to disk.

After a kill, trials that ended are in the journal and are not repeated. Trials that had begun run again with the
same number and parameters.
"""

from __future__ import annotations

import fcntl
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import TPESampler
from optuna.storages.journal import JournalFileBackend, JournalStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from training.errors import TuneError
from training.registry.tuning_results import State, TrialResult

__all__ = ["Study", "opened"]

JOURNAL = "journal.jsonl"
LOCK = "lock"
NAME = "search"
OUTCOME = "outcome"
ID = "id"
STATES: dict[TrialState, State] = {
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}


class Study:
    """Proposes trials, the defaults first, and stores their results."""

    def __init__(
        self, journal: Path, space: Mapping[str, BaseDistribution], defaults: Mapping[str, Any], seed: int
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.space = dict(space)
        self._study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(journal))),
            pruner=optuna.pruners.NopPruner(),
            study_name=NAME,
            direction="minimize",
            load_if_exists=True,
        )
        if ID not in self._study.user_attrs:
            self._study.set_user_attr(ID, secrets.token_hex(8))
        trials = self._study.get_trials(deepcopy=False)
        # After a resume the seed differs, so that the sampler does not repeat its earlier draws.
        self._study.sampler = TPESampler(seed=seed + len(trials))
        if not trials:
            self._study.enqueue_trial(dict(defaults))
        self._left = [self._of(one) for one in trials if one.state == TrialState.RUNNING]

    @property
    def id(self) -> str:
        """The id of this search. Another search on the same data has another id."""
        return str(self._study.user_attrs[ID])

    def propose(self, most: int) -> Trial | None:
        """The next trial to run; None when `most` have begun. Trials that a killed search left come first."""
        if self._left:
            return self._left.pop(0)
        waiting = (TrialState.WAITING,)
        begun = [one for one in self._study.get_trials(deepcopy=False) if one.state not in waiting]
        if len(begun) >= most:
            return None
        return self._study.ask(fixed_distributions=self.space)

    def close(self, trial: Trial, result: Mapping[str, Any], seconds: float) -> TrialResult:
        """Store the result of a trial: a `cost`, an `error`, or neither when it was stopped early."""
        error, cost = result.get("error"), result.get("cost")
        percent, loss = result.get("percent"), result.get("loss")
        stopped = error is None and cost is None
        outcome = {
            "value": result.get("value"),
            "rounds": int(result.get("rounds", 0)),
            "seconds": round(seconds, 3),
            "reason": error or (f"stopped at {percent or 0:.0f} % of its rounds" if stopped else ""),
        }
        trial.set_user_attr(OUTCOME, outcome)
        if stopped and loss is not None:
            # The sampler ranks early-stopped trials by their progress, then by this loss.
            trial.report(float(loss), int(percent or 0))
        state = TrialState.FAIL if error else TrialState.PRUNED if stopped else TrialState.COMPLETE
        self._study.tell(trial, None if error or stopped else float(cost or 0), state=state)
        return next(one for one in self.ended() if one.number == trial.number)

    def ended(self) -> list[TrialResult]:
        """Trials that finished, were stopped early or failed, by number."""
        return [_result(one) for one in self._study.get_trials(deepcopy=False) if one.state in STATES]

    def _of(self, frozen: FrozenTrial) -> Trial:
        # As Optuna itself opens a trial that another process began.
        return Trial(self._study, frozen._trial_id)


@contextmanager
def opened(
    folder: Path, space: Mapping[str, BaseDistribution], defaults: Mapping[str, Any], seed: int
) -> Iterator[Study]:
    """Open the search in a folder, or begin a new one. Raises `TuneError` when another process has it open."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TuneError(
                f"the same search is running in another process, which holds {folder / LOCK}; wait for it"
            ) from None
        journal = folder / JOURNAL
        # A process that is killed while it writes leaves this file, and Optuna would wait for its owner.
        journal.with_name(f"{JOURNAL}.lock").unlink(missing_ok=True)
        _cut_torn_line(journal)
        yield Study(journal, space, defaults, seed)


def _cut_torn_line(journal: Path) -> None:
    """Remove an incomplete last line."""
    if journal.exists():
        whole = journal.read_bytes()
        with journal.open("r+b") as stream:
            stream.truncate(whole.rfind(b"\n") + 1)


def _result(frozen: FrozenTrial) -> TrialResult:
    outcome: dict[str, Any] = frozen.user_attrs[OUTCOME]
    state = STATES[frozen.state]
    return TrialResult(
        number=frozen.number,
        state=state,
        params=dict(frozen.params),
        value=outcome["value"],
        cost=frozen.value if state == "finished" else None,
        rounds=outcome["rounds"],
        seconds=outcome["seconds"],
        ended=frozen.datetime_complete.timestamp() if frozen.datetime_complete else 0.0,
        reason=outcome["reason"],
    )
