from __future__ import annotations

import pytest

from control.lint.manifests.server.kinds.cron import line_problem, zone_problem


@pytest.mark.parametrize(
    "line",
    [
        "0 3 * * *",
        "*/5 0-23/2 1,15 jan-mar SUN",
        "@hourly",
        "@every 1h30m",
        "? ? ? ? ?",
        "5/15 * * * 6",
        " 0  3 * * * ",
    ],
)
def test_lines(line: str) -> None:
    assert line_problem(line) == ""


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "empty spec string"),
        ("0 3 * *", "expected exactly 5 fields, found 4: [0 3 * *]"),
        ("0 0 3 * * *", "expected exactly 5 fields, found 6: [0 0 3 * * *]"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * * * 7", "end of range (7) above maximum (6): 7"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("1/2/3 * * * *", "too many slashes: 1/2/3"),
        ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
        ("a * * * *", 'failed to parse int from a: strconv.Atoi: parsing "a": invalid syntax'),
        ("@often", "unrecognized descriptor: @often"),
        ("@every soon", 'failed to parse duration @every soon: time: invalid duration "soon"'),
    ],
)
def test_lines_that_cannot_be_read(line: str, words: str) -> None:
    assert line_problem(line) == words


def test_zones() -> None:
    assert zone_problem("Europe/Berlin") == zone_problem("UTC") == ""
    assert zone_problem("Europe/Bärlin") == "unknown time zone Europe/Bärlin"
    assert zone_problem("Mars/Base") == "unknown time zone Mars/Base"
    assert zone_problem("local").startswith("timeZone must be an explicit time zone")
    assert zone_problem("") == "timeZone must be nil or non-empty string"
