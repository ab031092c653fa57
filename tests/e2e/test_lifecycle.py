"""A version on the running stack: trained, picked up, asked for by number, promoted, lost, rebuilt, refused."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
import urllib.request
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from apps.quality.train.recipe import recipe as quality
from apps.vendor.app import app
from apps.vendor.train.recipe import recipe
from tests.e2e.conftest import Stack

pytestmark = [pytest.mark.slow, pytest.mark.stack]

EXAMPLE = msgspec.json.encode(app.example).decode()


def ask(stack: Stack, version: int | None = None, request_id: str = "") -> dict[str, Any]:
    at = f"/versions/{version}" if version else ""
    request = urllib.request.Request(
        f"http://{stack.http}/v1/models/vendor{at}:predict",
        f'{{"instances": [{EXAMPLE}]}}'.encode(),
        {"content-type": "application/json", **({"x-request-id": request_id} if request_id else {})},
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def index(stack: Stack) -> dict[str, dict[str, Any]]:
    request = urllib.request.Request(f"http://{stack.http}/v2/repository/index", b"{}")
    with urllib.request.urlopen(request, timeout=120) as answer:
        return {row["version"]: row for row in json.load(answer) if row["name"] == app.name}


def until(condition: Any, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_everything_runs_and_says_where(stack: Stack) -> None:
    shown = stack.json("status", "--json")
    assert {row["part"] for row in shown["parts"]} == {"postgres", "mlflow", "ray", "triton", "gateway"}
    again = stack.run("up")
    assert "already up" in again.stderr


def test_up_can_be_left_while_a_version_is_trained(stack: Stack) -> None:
    left = stack.left
    assert left is not None
    assert left.returncode == 130, left.stderr
    assert "/v1/models/price:predict" in left.stderr, "what has a version answers meanwhile"
    assert "The stack goes on running, and so does the training of: vendor." in left.stderr
    assert "Traceback" not in left.stderr and "stopping" not in left.stderr
    assert left.stdout.startswith("part ")
    (training,) = stack.json("status", "--json")["trainings"]
    assert (training["app"], training["state"], training["version"]) == ("vendor", "trained", 1)
    assert "vendor: training a version on synthetic data" in stack.run("logs", "trainer").stdout


def test_the_first_version_is_synthetic_and_says_so(stack: Stack) -> None:
    table = stack.run("models", "vendor").stdout
    assert "SYNTHETIC" in table and "champion" in table
    version = stack.json("models", "vendor", "--json")["versions"][0]
    assert version["synthetic"] and version["alias"] == "champion"
    assert all(check["passed"] for check in version["gate"])
    assert {line["pair"] for line in version["parity"]} >= {"native/onnxruntime", "native/triton"}


def test_a_request_can_be_found_in_the_logs_and_metrics(stack: Stack) -> None:
    answer = ask(stack, request_id="find-me-1")
    assert answer["model_version"] == "1"
    path = stack.home / "logs" / "requests.jsonl"

    def lines() -> list[dict[str, Any]]:
        found = (json.loads(line) for line in path.read_text().splitlines())
        return [line for line in found if line.get("request_id") == "find-me-1"]

    until(lambda: lines())
    assert [(line["app"], line["version"], line["status"]) for line in lines()] == [("vendor", 1, 200)]
    with urllib.request.urlopen(f"http://{stack.http}/metrics", timeout=120) as scrape:
        text = scrape.read().decode()
    assert 'slipway_requests_total{app="vendor"' in text
    assert 'slipway_champion_version{app="vendor"} 1.0' in text


def test_a_trained_version_is_picked_up_without_a_restart(stack: Stack) -> None:
    path = stack.folder / "shipments.csv"
    recipe.generate(seed=11).to_csv(path, index=False)
    result = stack.json("train", "vendor", "--data", str(path), "--json")
    assert result["verdict"] == "registered" and result["version"] == 2 and not result["synthetic"]
    # Data that was given takes over from data that was generated.
    until(lambda: ask(stack)["model_version"] == "2")
    assert ask(stack, 1)["model_version"] == "1"
    done = stack.run("predict", "vendor", "--version", "1")
    assert json.loads(done.stdout)["model_version"] == "1"


def test_promotion_moves_traffic_and_is_recorded(stack: Stack) -> None:
    stack.run("promote", "vendor", "1", "--why", "for the test")
    until(lambda: ask(stack)["model_version"] == "1")
    record = (stack.repository / "vendor" / "promotions.jsonl").read_text().splitlines()
    last = json.loads(record[-1])
    assert (last["from"], last["to"], last["why"]) == (2, 1, "for the test")
    stack.run("promote", "vendor", "2")
    until(lambda: ask(stack)["model_version"] == "2")
    assert "not in the model repository" in stack.run("promote", "vendor", "99", code=1).stderr


def test_a_tampered_version_is_refused_and_a_lost_one_is_rebuilt(stack: Stack) -> None:
    folder = stack.repository / "vendor" / "1"
    before = digests(folder)
    shutil.rmtree(folder)
    until(lambda: "1" not in index(stack))
    stack.run("repository", "sync")
    assert digests(folder) == before
    until(lambda: index(stack).get("1", {}).get("state") == "READY")
    (folder / "extra.txt").write_text("not published")
    assert "extra.txt is not in the manifest" in stack.run("repository", "verify", code=1).stdout
    stack.run("repository", "sync")
    assert digests(folder) == before
    stack.run("repository", "verify")


def test_grades_that_follow_nothing_are_refused_with_the_reason(stack: Stack) -> None:
    table = quality.generate(seed=3)
    other = table.loc[np.random.default_rng(0).permutation(table.index), ["grade", "grade_value"]]
    path = stack.folder / "lots.csv"
    table.assign(**other.reset_index(drop=True)).to_csv(path, index=False)
    done = stack.run("train", "quality", "--data", str(path), code=3)
    assert "FAILED" in done.stdout and "refused" in done.stderr
    shown = stack.json("models", "--json")
    published = [(row["model"], row["version"]) for row in shown["versions"]]
    assert published == [("price", 1), ("vendor", 1), ("vendor", 2)]
    assert shown["refused"][0]["app"] == "quality" and "the most frequent grade" in shown["refused"][0]["reason"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("train", "nope"), 2, "nope"),
        (("train", "price", "--data", "missing.csv"), 2, "missing.csv"),
        (("train", "price", "--colour", "red"), 2, "--commodity"),
        (("predict", "price", "--json", '{"commodity": "onion"}'), 1, "$.instances[0]"),
        (("predict", "price", "--json", "{"), 2, "not JSON"),
        (("predict", "nope", "--json", "{}"), 1, "404"),
        (("predict", "price", "--version", "99"), 1, "no version 99"),
    ],
)
def test_wrong_commands_say_what_is_wrong(
    stack: Stack, arguments: tuple[str, ...], code: int, message: str
) -> None:
    done = stack.run(*arguments, code=code)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
