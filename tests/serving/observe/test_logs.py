from __future__ import annotations

import contextlib
import io
import json
import logging
import queue
import stat
import sys
import threading
from pathlib import Path

import pytest

from serving.observe import logs
from serving.observe.logs import JsonFormatter, configure, fields


@pytest.fixture(autouse=True)
def _restore() -> object:
    root = logging.getLogger("serving")
    before = (root.handlers[:], root.level, root.propagate)
    yield
    root.handlers, root.level, root.propagate = before


def test_every_line_is_one_json_object_with_the_fields_it_was_given(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "gateway.jsonl"
    listener = configure("INFO", path)
    assert [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent)] == [0o600, 0o700]
    log = logging.getLogger("serving.test")
    log.info("hello\nworld", extra=fields(request_id="r1", app="price", version=3))
    log.debug("not shown")
    try:
        raise ValueError("inside")
    except ValueError:
        log.exception("failed", extra=fields(request_id="r2"))
    listener.stop()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["message"] for line in lines] == ["hello\nworld", "failed"]
    assert {key: lines[0][key] for key in ("request_id", "app", "version", "level", "logger")} == {
        "request_id": "r1",
        "app": "price",
        "version": 3,
        "level": "INFO",
        "logger": "serving.test",
    }
    assert lines[0]["time"].endswith("Z")
    assert "ValueError: inside" in lines[1]["exception"]


@pytest.mark.parametrize("given", ["cause", "triple"])
@pytest.mark.parametrize("name", ["exc_info", "fields", "exc_text"])
def test_exceptions_are_text_however_they_come(given: str, name: str) -> None:
    try:
        raise KeyError("inside")
    except KeyError as error:
        triple = sys.exc_info()
        cause = error if given == "cause" else triple
    record = logging.LogRecord("serving.test", logging.ERROR, "file", 1, "failed", None, None)
    if name == "fields":
        record.fields = {"exception": cause, "folder": Path("models")}
    elif name == "exc_text":
        record.exc_text = logging.Formatter().formatException(triple)
    else:
        record.exc_info = cause
    line = json.loads(JsonFormatter().format(record))
    if name == "fields":
        assert line["folder"] == "models"
    assert isinstance(line["exception"], str)
    assert line["exception"].splitlines()[-1] == "KeyError: 'inside'"


def test_ready_lines_go_to_the_same_file_and_a_full_file_is_renamed_by_one_of_its_writers(tmp_path: Path) -> None:
    path = tmp_path / "gateway.jsonl"
    writers = [configure("INFO", path, max_bytes=2000) for _ in range(2)]
    count = 300
    for number in range(count):
        writers[number % 2].write(json.dumps({"number": number}).encode() + b"\n")
    for writer in writers:
        writer.stop()
    kept = sorted(tmp_path.iterdir())
    assert [each.name for each in kept] == ["gateway.jsonl", "gateway.jsonl.1"]
    # One line may be written after the file was measured and before it was renamed.
    assert all(each.stat().st_size < 2100 for each in kept)
    numbers = [json.loads(line)["number"] for each in kept for line in each.read_text().splitlines()]
    assert len(numbers) == len(set(numbers)) and count - 1 in numbers


def test_on_a_full_disk_the_log_says_so_in_a_line_and_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    writer = configure("INFO", Path("/dev/full"))
    log = logging.getLogger("serving.test")
    log.info("a record")
    writer.write(b"{}\n")
    log.info("not %s %s", "enough")
    with contextlib.suppress(OSError):
        writer.stop()
    said = capsys.readouterr().err
    assert said.count("the log cannot be written: [Errno 28] No space left on device\n") >= 2
    assert "not enough arguments for format string" in said and "OSError" not in said


class Stuck(io.StringIO):
    """A disk that answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def write(self, text: str) -> int:
        self.go.wait(10)
        return super().write(text)


def test_a_disk_that_does_not_keep_up_costs_lines_and_not_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MAX_WAITING", 100)
    disk = Stuck()
    writer = logs.Writer(queue.Queue(), logging.StreamHandler(disk), 0)
    writer.start()
    for number in range(50):
        writer.write(f"{number:030d}\n".encode())
    disk.go.set()
    writer.stop()
    lines = disk.getvalue().splitlines()
    assert 3 <= len(lines) <= 4, "what fits in the bound, and what was being written"
    assert [int(line) for line in lines] == list(range(len(lines)))
