from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from control.commands.apps.predict import _converted
from tests.control.conftest import Slipway
from tests.serving import added

SHORT = ("predict", "struggle", "--student", "7", "--objective", "AAA-2014J")


def test_without_a_server_this_process_answers(slipway: Slipway) -> None:
    done = slipway.run("predict", "struggle", SLIPWAY_HTTP_PORT="1")
    assert done.returncode == 0, done.stderr
    assert "loaded the version and answered" in done.stderr
    answer = json.loads(done.stdout)
    assert answer["model_version"] == "fallback"
    assert answer["predictions"][0]["fallback"] is True


def test_fields_of_the_question_are_options(slipway: Slipway) -> None:
    done = slipway.run(*SHORT, "--local")
    assert done.returncode == 1
    assert "[0].record: is missing" in done.stderr and "SLIPWAY_DATABASE_URL" in done.stderr
    bad = slipway.run(*SHORT, "--day", "soon")
    assert bad.returncode == 2
    assert "--day" in bad.stderr
    unknown = slipway.run("predict", "price", "--colour", "red")
    assert unknown.returncode == 2
    assert "--colour" in unknown.stderr and "--market" in unknown.stderr


def test_fields_and_a_document_do_not_go_together(slipway: Slipway) -> None:
    done = slipway.run(*SHORT, "--json", "{}")
    assert done.returncode == 2
    assert "give only one of" in done.stderr


def test_columns_of_an_added_model_are_options(slipway: Slipway) -> None:
    models = Path(slipway.environ["SLIPWAY_MODEL_REPOSITORY"])
    added.write_version(models, 1, weights=(1, 10))
    added.write_version(models, 2, names="pq")
    done = slipway.run("predict", "sum", "--a", "1", "--b=2", "--version", "1", "--local")
    assert json.loads(done.stdout)["predictions"] == [{"total": 21.0}], done.stderr
    done = slipway.run("predict", "sum", "--a", "x", "--b=2", "--version", "1", "--local")
    assert "--a: got a string; allowed: a number" in " ".join(done.stderr.split())


def test_a_list_is_written_as_json() -> None:
    assert _converted("[1, 2]", list[int]) == [1, 2]
    assert _converted("[a]", str) == "[a]" and _converted("2", int) == 2
    with pytest.raises(msgspec.ValidationError, match="not a list in JSON"):
        _converted("[1,", list[int])
