"""`slipway doctor`: what is wrong, or not ready for production."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from control.console import print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from control.doctor.finding import Finding
    from control.settings import StackSettings

__all__ = ["EPILOG", "doctor"]

EPILOG = "Examples:  slipway doctor   |   SLIPWAY_HOST=0.0.0.0 slipway doctor --json"
COLUMNS = ("check", "state", "finding", "what to do")


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Check settings and machine: callers, keys, TLS, signatures, files, versions, ports, disk and limits.

    It changes nothing and calls no server. The settings are those that `slipway up` or a gateway would start with
    here. docs/security.md says what belongs to production. The exit code is 1 if something is an error.
    """
    from control.doctor import locks, machine
    from control.settings import StackSettings
    from serving.kernel.settings import read

    settings = read(StackSettings)
    checks: list[Callable[[StackSettings], Iterator[Finding]]] = [
        locks.callers,
        locks.tls,
        locks.keys,
        locks.signatures,
        locks.modes,
        machine.versions,
        machine.ports,
        machine.disk,
        machine.limits,
    ]
    found = [finding for check in checks for finding in _run(check, settings)]
    if as_json:
        print_json([{name: getattr(one, name) for name in ("check", "state", "text", "advice")} for one in found])
    else:
        print_table(COLUMNS, [(one.check, one.state, one.text, one.advice) for one in found])
    if any(one.state == "error" for one in found):
        raise typer.Exit(1)


def _run(check: Callable[[StackSettings], Iterator[Finding]], settings: StackSettings) -> list[Finding]:
    """What one check found; that it could not look is a finding too."""
    from control.doctor.finding import Finding

    try:
        return list(check(settings))
    except OSError as cause:
        return [Finding(check.__name__, "error", f"cannot be checked: {cause}")]
