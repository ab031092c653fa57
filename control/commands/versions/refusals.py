"""`slipway models --refused`: the runs that the gate refused, and how near they were."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from control.commands.common import running_registry
from control.console import note, print_json, print_table
from serving.kernel.storage.model_repository import Repository

if TYPE_CHECKING:
    from control.settings import StackSettings
    from training.registry.mlflow_registry import Registry
    from training.registry.refused_runs import RefusedRun

__all__ = ["print_refused", "show_refused"]

COLUMNS = ("app", "run", "data", "failed check", "measured", "required", "created")


def show_refused(settings: StackSettings, only: str, as_json: bool) -> None:
    """Print the refused runs of one app or of all, newest first, with a row for each failed check."""
    from training.find_recipe import names
    from training.registry.refused_runs import refused_runs

    added = Repository(settings.model_repository).models()
    with _registry(settings) as registry:
        found = [
            run
            for name in ([only] if only else sorted({*names(), *added}))
            for run in refused_runs(registry, name)
        ]
    if as_json:
        import msgspec

        print_json({"refused": msgspec.to_builtins(found)})
    else:
        print_refused(found)


def print_refused(found: Sequence[RefusedRun]) -> None:
    """Print a row for each failed check; a run without a report has its reason instead."""
    rows = []
    for run in found:
        failed = [(check.name, check.measured, check.required) for check in run.failed] or [(run.reason, "", "")]
        rows += [(run.app, run.run_id, run.dataset, *cells, run.created) for cells in failed]
    print_table(COLUMNS, rows)
    if not found:
        note("no run was refused by its gate")


@contextmanager
def _registry(settings: StackSettings) -> Iterator[Registry]:
    """The registry that runs, else one that is started for the block."""
    found = running_registry(settings)
    if found is not None:
        yield found
        return
    from control.stack.temporary_stack import ensure
    from training.registry.mlflow_registry import Registry

    with ensure(settings, {"postgres", "mlflow"}) as state:
        os.environ.update(state.environment())
        yield Registry(state.mlflow_uri)
