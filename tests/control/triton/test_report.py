from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Sequence

from control.triton.follow import Served
from control.triton.report import Report


def get(report: Report, path: str) -> tuple[int, list[dict[str, object]]]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{report.port}{path}", timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_a_pod_is_ready_once_it_was_compared_and_says_what_it_serves() -> None:
    served: Sequence[Served] = (Served("price", (3, 4), 4), Served("fraud", (), None, "there is no version"))
    with Report(0, "127.0.0.1") as report:
        assert get(report, "/ready") == (503, [])
        assert get(report, "/") == (200, []), "it lives"
        report.show(served)
        status, body = get(report, "/ready")
        assert (status, body[0]) == (200, {"model": "price", "versions": [3, 4], "champion": 4, "problem": ""})
        assert body[1]["problem"] == "there is no version"
        report.show(None)
        assert get(report, "/ready")[0] == 503, "Triton does not answer"
