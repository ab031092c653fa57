from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import version

import pytest

from control import cli
from tests.control.conftest import Slipway


@pytest.mark.parametrize("words", ["", *cli.COMMANDS, *cli.GROUPS])
def test_every_help_has_an_example(
    words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process; `slipway --help` is a process of its own below."""
    monkeypatch.setattr(sys, "argv", ["slipway", *words.split(), "--help"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    assert re.search(r"Examples?:\s+\S*.*slipway", capsys.readouterr().out, re.DOTALL)


def test_a_command_that_is_named_is_the_only_one_imported(slipway: Slipway) -> None:
    code = "import sys; from control import cli; cli.command_for(['repository', 'verify']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env=slipway.environ, capture_output=True, text=True)
    commands = {name for name in done.stdout.split() if name.startswith("control.commands.")}
    found = commands & {f"control.commands.{path}" for path in cli.COMMANDS.values()}
    assert found == {"control.commands.versions.repository"}


HEAVY = {"ray", "mlflow", "pandas", "onnxruntime", "sqlalchemy", "grpc", "torch", "sklearn", "xgboost"}
"""Each costs a good part of a second to import."""


def test_help_imports_nothing_heavy(slipway: Slipway) -> None:
    code = "import sys; from control import cli; sys.argv[1:] = ['--help']\n"
    code += "try:\n    cli.main()\nfinally:\n    print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], env=slipway.environ, capture_output=True, text=True)
    assert done.returncode == 0 and "Usage" in done.stdout
    imported = {name.partition(".")[0] for name in done.stderr.split()}
    assert {"typer", "control"} <= imported and not imported & HEAVY


def test_version(slipway: Slipway) -> None:
    assert slipway.run("--version").stdout == f"slipway {version('slipway')}\n"


def test_unknown_command_and_option_are_usage_errors(slipway: Slipway) -> None:
    assert slipway.run("upp").returncode == 2
    assert slipway.run("up", "--nope").returncode == 2


def test_a_bad_setting_is_one_line(slipway: Slipway) -> None:
    done = slipway.run("status", SLIPWAY_RAY_PORT="six")
    assert (done.returncode, done.stderr) == (
        2,
        "error: SLIPWAY_RAY_PORT: 'six' is not allowed; expected int\n",
    )


def test_an_expected_error_ends_with_its_code(slipway: Slipway) -> None:
    done = slipway.run("logs", "nothing")
    assert done.returncode == 1
    assert done.stderr.startswith("error: there is no part 'nothing'; there are: postgres,")


def test_an_unexpected_error_is_one_line_and_a_trace_in_a_file(slipway: Slipway) -> None:
    slipway.home.mkdir()
    (slipway.home / "state.json").mkdir()
    done = slipway.run("status")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[0].startswith("error: IsADirectoryError")
    assert "slipway.log" in lines[1] and len(lines) == 2
    assert "Traceback" in (slipway.home / "logs" / "slipway.log").read_text()
