from __future__ import annotations

import json

from tests.control.conftest import Slipway

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
