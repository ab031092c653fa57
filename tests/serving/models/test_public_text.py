from __future__ import annotations

from pathlib import Path

import pytest

from serving.models.public_text import without_paths


@pytest.mark.parametrize(
    ("text", "public"),
    [
        (
            "golden.jsonl: [Errno 21] Is a directory: '/srv/my models/price/3/golden.jsonl'",
            "golden.jsonl: [Errno 21] Is a directory: 'golden.jsonl'",
        ),
        (
            "Load model from /srv/models/price/3/model.onnx failed:/build/core/graph.cc:149 wrong",
            "Load model from model.onnx failed:graph.cc:149 wrong",
        ),
        ("see file:///srv/models/price/3/model.onnx", "see model.onnx"),
        ("cannot open /srv/models/price/3/", "cannot open 3"),
        ("read http://example.org/a/b, 3 km/h and/or $.a/b", "read http://example.org/a/b, 3 km/h and/or $.a/b"),
        ("read ./models/price and ~/models", "read ./models/price and ~/models"),
    ],
)
def test_callers_see_no_path_of_the_server(text: str, public: str) -> None:
    assert without_paths(text) == public


def test_below_a_known_folder_the_rest_of_the_path_stays() -> None:
    text = "/srv/my models/price/3/golden.jsonl is missing"
    assert without_paths(text, [Path("/srv/my models")]) == "price/3/golden.jsonl is missing"
