from __future__ import annotations

import json
import os
import signal
import socket
import stat
import sys
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

import control
from control.stack import processes
from tests.control.conftest import Slipway
from tests.serving import toy

POSTGRES = ("up", "--only", "postgres")


def outside(slipway: Slipway) -> set[Path]:
    """What the running stack has open, or has made, outside its home folder and the installation."""
    state = slipway.state()
    assert state is not None
    found = {Path(state.run)}
    for process in processes.marked(state.stack_id):
        with suppress(psutil.NoSuchProcess):  # idle workers of Ray end by themselves
            items = [*process.memory_maps(), *process.open_files()]
            found |= {Path(item.path) for item in items if "/" in item.path}
    places = (Path("/tmp"), Path("/dev/shm"), Path("/var"), Path.home() / ".ray", Path.home() / ".mlflow")
    ours = (slipway.home, Path(sys.prefix), Path(control.__path__[0]).parent)
    return {
        path
        for path in found
        if any(path.is_relative_to(place) for place in places)
        and not any(path.is_relative_to(place) for place in ours)
    }


def test_one_part_there_and_gone(slipway: Slipway) -> None:
    done = slipway.run(*POSTGRES, "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    (part,) = document["parts"]
    assert (document["ready"], part["part"], part["state"], part["restarts"]) == (True, "postgres", "ready", 0)
    assert "postgres   ready after" in done.stderr
    assert "ready in" not in done.stdout
    state = slipway.state()
    assert state is not None
    assert processes.is_alive(part["pid"], state.stack_id)
    made = outside(slipway)

    down = slipway.run("down")
    assert (down.returncode, down.stderr) == (0, "stopped postgres\n")
    assert slipway.left() == []
    assert [path for path in made if path.exists()] == []
    assert not (slipway.home / "state.json").exists()
    assert (slipway.home / "postgres" / "PG_VERSION").exists(), "data are kept"


@pytest.mark.usefixtures("kept_database")
def test_the_table_of_the_first_up_and_what_a_second_one_says(slipway: Slipway) -> None:
    first = slipway.run(*POSTGRES)
    head, row = first.stdout.splitlines()
    assert head.split() == ["part", "address", "pid", "ready", "after", "log"]
    assert row.startswith("postgres") and row.rstrip().endswith(str(slipway.home / "logs" / "postgres.log"))
    assert "ready in" in first.stderr
    again = slipway.run("up", "--json")
    assert again.returncode == 0, again.stderr
    assert str(json.loads(again.stdout)["parts"][0]["pid"]) in row.split()
    assert "already up since" in again.stderr
    assert "started without mlflow, ray, triton, gateway" in again.stderr


def test_a_port_in_use_names_its_holder(slipway: Slipway) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        done = slipway.run("up", "--without", "gateway", SLIPWAY_TRITON_HTTP_PORT=port)
    assert done.returncode == 2
    assert f"port {port} is in use by pid {os.getpid()}: " in done.stderr
    assert "set SLIPWAY_TRITON_HTTP_PORT to another port" in done.stderr
    assert slipway.state() is None and slipway.left() == []


def test_a_gateway_that_everybody_or_nobody_could_ask_is_not_started(slipway: Slipway, tmp_path: Path) -> None:
    done = slipway.run("up", SLIPWAY_HOST="0.0.0.0")
    assert done.returncode == 2 and "error: SLIPWAY_HOST: on '0.0.0.0', everybody who reaches" in done.stderr
    done = slipway.run("up", "--open", SLIPWAY_HOST="0.0.0.0", SLIPWAY_KEY_FOLDER=str(tmp_path))
    assert done.returncode == 1 and "set SLIPWAY_API_KEY or SLIPWAY_API_KEY_FILE" in " ".join(done.stderr.split())
    assert slipway.state() is None and slipway.left() == []


def test_a_part_that_dies_is_named_with_its_log_and_nothing_stays(slipway: Slipway) -> None:
    slipway.home.mkdir()
    (slipway.home / "postgres").write_text("not a folder")
    done = slipway.run("up", "--only", "postgres", "--only", "triton")
    assert done.returncode == 1
    assert "error: postgres: ended while starting (exit status 1" in done.stderr
    assert f"log: {slipway.home}/logs/postgres.log" in done.stderr
    assert "  | FileExistsError" in done.stderr
    assert slipway.state() is None and slipway.left() == []


def test_a_part_that_takes_too_long(slipway: Slipway) -> None:
    done = slipway.run(*POSTGRES, SLIPWAY_START_SECONDS="0.01")
    assert done.returncode == 1
    assert "postgres: not ready after" in done.stderr
    assert "SLIPWAY_START_SECONDS" in done.stderr
    assert slipway.left() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_while_starting_stops_what_was_started(slipway: Slipway, number: int) -> None:
    up = slipway.begin("up", "--only", "postgres", "--only", "mlflow")
    assert up.stderr is not None
    for line in up.stderr:
        if line.startswith("postgres"):
            break
    assert slipway.state() is not None
    os.killpg(up.pid, number)
    _, errors = up.communicate(timeout=120)
    assert up.returncode == 130
    assert "stopping what was started" in errors and "Traceback" not in errors
    assert slipway.state() is None and slipway.left() == []


@pytest.mark.usefixtures("kept_database")
def test_foreground_ends_with_ctrl_c(slipway: Slipway) -> None:
    up = slipway.begin(*POSTGRES, "--foreground")
    assert up.stderr is not None
    for line in up.stderr:
        if line == "Ctrl-C stops it\n":
            break
    assert slipway.parts()["postgres"]["state"] == "ready"
    os.killpg(up.pid, signal.SIGINT)
    _, errors = up.communicate(timeout=120)
    assert (up.returncode, errors) == (0, "stopping\n")
    assert slipway.state() is None and slipway.left() == []


@pytest.mark.usefixtures("kept_database")
def test_foreground_ends_with_down(slipway: Slipway) -> None:
    up = slipway.begin(*POSTGRES, "--foreground")
    assert up.stderr is not None
    for line in up.stderr:
        if line == "Ctrl-C stops it\n":
            break
    assert slipway.run("down").returncode == 0
    _, errors = up.communicate(timeout=120)
    assert (up.returncode, errors) == (0, "stopped by slipway down\n")


@pytest.mark.usefixtures("kept_database")
def test_a_stack_that_a_restart_of_the_machine_ended(slipway: Slipway) -> None:
    slipway.run(*POSTGRES)
    state = slipway.state()
    assert state is not None
    text = (slipway.home / "state.json").read_text()
    slipway.run("down")
    # Its pid belongs to somebody else now.
    (slipway.home / "state.json").write_text(text.replace(f": {state.supervisor_pid}", f": {os.getpid()}"))
    assert "the supervisor of this stack is gone" in slipway.run("status").stderr
    done = slipway.run(*POSTGRES)
    assert done.returncode == 0, done.stderr
    assert "cleaning up after a stack of" in done.stderr
    assert psutil.pid_exists(os.getpid())


@pytest.mark.usefixtures("kept_database")
def test_up_after_its_supervisor_was_killed(slipway: Slipway) -> None:
    slipway.run(*POSTGRES)
    state = slipway.state()
    assert state is not None
    old = processes.marked(state.stack_id)
    os.kill(state.supervisor_pid, signal.SIGKILL)
    done = slipway.run(*POSTGRES)
    assert done.returncode == 0, done.stderr
    assert not any(processes.lives(process) for process in old)


def test_two_at_once(slipway: Slipway) -> None:
    first = slipway.begin("up", "--only", "postgres", "--only", "mlflow")
    assert first.stderr is not None
    first.stderr.readline()
    second = slipway.run(*POSTGRES)
    assert second.returncode == 1
    assert f"another slipway command (pid {first.pid}) is starting or stopping the stack" in second.stderr
    os.killpg(first.pid, signal.SIGINT)
    first.communicate(timeout=120)


def test_folders_above_are_opened_no_more_than_needed(slipway: Slipway) -> None:
    private = slipway.home.parent / "private"
    private.mkdir(mode=0o700)
    slipway.home = private / "home"
    slipway.environ["SLIPWAY_HOME"] = str(slipway.home)
    done = slipway.run(*POSTGRES)
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(private.stat().st_mode) == (0o701 if os.geteuid() == 0 else 0o700)
    assert stat.S_IMODE((slipway.home / "ray.token").stat().st_mode) == 0o600


def test_apps_that_can_be_neither_served_nor_trained(slipway: Slipway) -> None:
    done = slipway.run("up", "--only", "ray", "--only", "gateway", SLIPWAY_APPS="price,demand")
    assert done.returncode == 1
    assert (
        "error: no version to serve for: price, demand. To train one, the stack needs the part mlflow"
        in done.stderr
    )
    assert slipway.state() is None
    done = slipway.run("up", SLIPWAY_APPS="price,prise")
    assert done.returncode == 2
    assert "error: SLIPWAY_APPS: there is no app 'prise'" in done.stderr
    assert slipway.state() is None


def listens_on(process: psutil.Process) -> set[str]:
    """The addresses that a process listens on; none if it has ended, as idle workers of Ray do."""
    try:
        found = process.connections(kind="tcp")
    except psutil.NoSuchProcess:
        return set()
    return {connection.laddr[0] for connection in found if connection.status == psutil.CONN_LISTEN}


def name_of(process: psutil.Process) -> str:
    """Empty if it has ended, as idle workers of Ray do."""
    try:
        return str(process.name())
    except psutil.NoSuchProcess:
        return ""


def toy_answers(slipway: Slipway) -> bool:
    state = slipway.state()
    assert state is not None
    url = f"http://{state.http}/v1/models/toy:predict"
    try:
        with urllib.request.urlopen(url, b'{"instances": [{"a": 1.0, "b": 2.0}]}', timeout=120) as answer:
            return bool(json.load(answer)["predictions"] == [{"total": 3.0}])
    except OSError:
        return False


@pytest.mark.slow
def test_everything_below_a_long_path(slipway: Slipway, root: Path, wait_until: Callable[..., None]) -> None:
    """One app has a version and the other cannot be trained; then parts are killed."""
    toy.write_version(slipway.home.parent / "models", 1)
    slipway.environ |= {
        "SLIPWAY_APPS": "tests.serving.models.toy,tests.serving.lotter",
        "PYTHONPATH": str(root),
    }
    slipway.home = slipway.home.parent / ("long" * 30) / "ho me"
    slipway.environ["SLIPWAY_HOME"] = str(slipway.home)
    done = slipway.run("up", "--json")
    assert done.returncode == 1, done.stderr
    assert "lotter could not be trained: 'lotter' is not an app that can be trained" in done.stderr
    assert "/v1/models/toy:predict" in done.stderr and toy_answers(slipway)
    document = json.loads(done.stdout)
    assert document["ready"], "every part runs"
    assert [(one["app"], one["state"]) for one in document["trainings"]] == [("lotter", "failed")]
    state = slipway.state()
    assert state is not None
    assert len(state.run) <= 36
    made = outside(slipway)
    assert Path(state.run) in made
    marked = processes.marked(state.stack_id)
    listening = {address for process in marked for address in listens_on(process)}
    assert listening <= {"127.0.0.1", "::ffff:127.0.0.1"}, "everything listens on loopback"
    status = slipway.run("status")
    assert status.returncode == 1
    assert "lotter" in status.stdout and "error: lotter could not be trained" in status.stderr

    os.kill(slipway.look()["gateway"].pid, signal.SIGKILL)
    raylet = next(process for process in marked if name_of(process) == "raylet")
    raylet.kill()
    wait_until(lambda: slipway.look()["ray"].restarts == 1)
    wait_until(lambda: slipway.look()["ray"].state == "ready", 120)
    part = slipway.parts()["ray"]
    assert (part["restarts"], part["state"]) == (1, "ready")
    wait_until(lambda: slipway.look()["gateway"].state == "ready" and toy_answers(slipway), 120)
    assert slipway.look()["gateway"].restarts >= 1

    assert slipway.run("down").returncode == 0
    assert slipway.left() == []
    assert not any(processes.lives(process) for process in marked)
    assert [path for path in made if path.exists()] == []
