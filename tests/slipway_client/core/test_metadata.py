from __future__ import annotations

import pytest

from slipway_client import BadAnswer, Invalid, ModelMetadata, TensorSpec
from slipway_client.core.attempts import begin
from slipway_client.core.metadata import AGE_SECONDS, Metadata, model_path
from tests.slipway_client.driven import Clock, drive, options, reply

TENSOR = {"name": "x", "datatype": "FP32", "shape": [-1, 2]}
DOCUMENT = {"name": "m", "versions": ["1"], "platform": "p", "inputs": [TENSOR], "outputs": []}


def test_metadata_is_remembered_for_a_while() -> None:
    clock = Clock()
    given = options(clock)
    metadata = Metadata(given)
    found = drive(metadata.of(begin(given), "m", None), reply(200, DOCUMENT)).result
    assert found == ModelMetadata("m", ("1",), "p", (TensorSpec("x", "FP32", (-1, 2)),), ())
    assert drive(metadata.of(begin(given), "m", None)).result == found
    assert (
        drive(metadata.of(begin(given), "m", 2), reply(200, DOCUMENT)).requests[0].path
        == "/v2/models/m/versions/2"
    )
    clock.now += AGE_SECONDS
    assert len(drive(metadata.of(begin(given), "m", None), reply(200, DOCUMENT)).sent) == 1
    metadata.forget("m")
    assert len(drive(metadata.of(begin(given), "m", None), reply(200, DOCUMENT)).sent) == 1


@pytest.mark.parametrize(
    "change", [{"inputs": None}, {"inputs": [{}]}, {"outputs": [1]}, {"name": None, "inputs": 3}]
)
def test_metadata_of_another_kind_is_refused(change: dict[str, object]) -> None:
    given = options()
    done = drive(Metadata(given).of(begin(given), "m", None), reply(200, {**DOCUMENT, **change}))
    assert isinstance(done.error, BadAnswer)


def test_paths_hold_names_of_any_form() -> None:
    assert model_path("v1", "a/b ?", None) == "/v1/models/a%2Fb%20%3F"
    assert model_path("v2", "m", 3) == "/v2/models/m/versions/3"
    for version in (0, -1, True, "x", 1.5):
        with pytest.raises(Invalid, match="`version` must be"):
            model_path("v1", "m", version)  # type: ignore[arg-type]
