"""`slipway`: the command line. Each command is a function in a module of `control/commands/`."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from control.console import fail

__all__ = ["COMMANDS", "command_for", "main"]

COMMANDS = {
    "up": "stack.up",
    "down": "stack.down",
    "status": "stack.status",
    "logs": "stack.logs",
    "doctor": "stack.doctor",
    "train": "apps.train",
    "add": "apps.add",
    "models": "versions.models",
    "compare": "versions.compare",
    "card": "versions.card",
    "predict": "apps.predict",
    "score": "apps.score",
    "client": "apps.client",
    "promote": "versions.promote",
    "remove": "versions.remove",
    "new": "apps.new",
    "backup": "stack.backup",
    "restore": "stack.restore",
    "repository sync": "versions.repository",
    "repository verify": "versions.repository",
    "keys create": "locks.keys",
    "keys list": "locks.keys",
    "keys revoke": "locks.keys",
    "keys rotate": "locks.keys",
    "signing create": "locks.signing",
    "signing list": "locks.signing",
    "signing revoke": "locks.signing",
    "signing sign": "locks.signing",
    "package": "versions.package",
    "triton lint": "lint.triton",
    "triton follow": "versions.triton",
    "manifests lint": "lint.manifests",
}
"""Words -> module of `control.commands`, in the order of the help. The last word names the function."""
INTERRUPTED = 128 + signal.SIGINT
GROUPS = {
    "keys": "Make, list, revoke and rotate the API keys that the gateway accepts.",
    "repository": "Copy and verify the whole model repository.",
    "signing": "Make and revoke the keys that sign versions, and sign what was published without one.",
    "triton": "Check Triton's model configurations, and keep a running Triton current.",
    "manifests": "Check Kubernetes manifests without a cluster.",
}
PASSES_ON = {"train", "compare", "predict"}
"""Commands that have options of the app, which are not known before the command runs."""


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"slipway {version('slipway')}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
]


def slipway(version: Version = False) -> None:
    """Take a trained model to production traffic, and show that what answers is what was trained."""


def main() -> None:
    """Run one command and exit with its code. Expected errors say what to do; others name the trace's file."""
    sys.exit(_run(sys.argv[1:]))


def command_for(arguments: Sequence[str] = ()) -> Any:
    """Return the command line that understands `arguments`: the one command that they name, or else all of them.

    Each command's module and parameters take milliseconds to import and to check.
    """
    named = {" ".join(arguments[:count]) for count in (1, 2)} & COMMANDS.keys()
    app = typer.Typer(
        name="slipway",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        epilog="Example:  slipway up",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(slipway)
    _register(app, {words: COMMANDS[words] for words in named} or COMMANDS)
    return typer.main.get_command(app)


def _register(app: typer.Typer, commands: Mapping[str, str]) -> None:
    groups = {name: typer.Typer(help=text, no_args_is_help=True) for name, text in GROUPS.items()}
    for words, path in commands.items():
        group, _, name = words.rpartition(" ")
        module = importlib.import_module(f"control.commands.{path}")
        epilog = getattr(module, f"{name.upper()}_EPILOG" if group else "EPILOG")
        extra = {"allow_extra_args": True, "ignore_unknown_options": True} if words in PASSES_ON else {}
        parent = groups[group] if group else app
        parent.command(name, epilog=epilog, context_settings=extra)(getattr(module, name))
    for group, parent in groups.items():
        examples = [f"slipway {words}" for words in COMMANDS if words.startswith(f"{group} ")]
        app.add_typer(parent, name=group, epilog=f"Examples:  {'   |   '.join(examples)}")


def _run(arguments: list[str]) -> int:
    from control.errors import CommandError, KubernetesError, StackError
    from serving.kernel.settings import SettingsError
    from training.errors import TrainingError

    try:
        return _invoke(arguments)
    except TyperException as error:
        return _usage(error)
    except (KeyboardInterrupt, typer.Abort):
        fail("interrupted")
        return INTERRUPTED
    except (CommandError, KubernetesError, StackError, TrainingError) as error:
        fail(str(error))
        return error.exit_code
    except ModuleNotFoundError as error:
        from control.missing_extras import advice

        missing = advice(error.name or "")
        if not missing:
            return _unexpected(error)
        fail(missing)
        return 2
    except SettingsError as error:
        fail(str(error))
        return 2
    except Exception as error:  # noqa: BLE001 - the edge of the process: nothing above can tell the user
        return _unexpected(error)


def _invoke(arguments: list[str]) -> int:
    result = command_for(arguments).main(arguments, prog_name="slipway", standalone_mode=False)
    if result == INTERRUPTED:  # Typer has caught it
        fail("interrupted")
    return result if isinstance(result, int) else 0


def _usage(error: TyperException) -> int:
    """Show an error in the command line. The parser's own errors can print themselves."""
    show = getattr(error, "show", None)
    show() if show is not None else fail(error.format_message())
    return error.exit_code


def _unexpected(error: BaseException) -> int:
    path = Path(os.environ.get("SLIPWAY_HOME", ".slipway")) / "logs" / "slipway.log"
    first = (str(error).splitlines() or [""])[0]
    fail(f"{type(error).__name__}: {first[:300]}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as stream:
            stream.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {' '.join(sys.argv)}\n{traceback.format_exc()}\n")
        fail(f"this is a bug; the traceback is in {path}")
    except OSError:
        traceback.print_exc()
    return 1
