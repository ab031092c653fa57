from __future__ import annotations

from pathlib import Path

import pytest

from serving.kernel.app_values import Replicas, Values, load_values, most_demanding
from serving.kernel.find_app import find_apps


def test_every_app_has_values_that_can_be_read() -> None:
    for app in find_apps():
        assert load_values(app.folder).replicas.min >= 1


def test_missing_entries_have_defaults(tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text("backend: triton\n")
    assert load_values(tmp_path) == Values(backend="triton")


def test_length_buckets_ascend(tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text("batching: {length_buckets: [16, 32, 128]}\n")
    assert load_values(tmp_path).batching.length_buckets == (16, 32, 128)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("backend: cuda", r"values.yaml: Invalid enum value 'cuda' - at `\$.backend`"),
        ("batching: {max_row: 3}", r"Object contains unknown field `max_row` - at `\$.batching`"),
        ("batching: {length_buckets: [0]}", r"Expected `int` >= 1 - at `\$.batching.length_buckets\[0\]`"),
        (
            "batching: {length_buckets: [8, 8]}",
            r"\[8, 8\] must be in ascending order - at `\$.batching`",
        ),
        ("replicas: {min: 0}", r"Expected `int` >= 1 - at `\$.replicas.min`"),
    ],
)
def test_a_typo_names_the_file_and_the_field(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "values.yaml").write_text(text)
    with pytest.raises(ValueError, match=message):
        load_values(tmp_path)


def test_a_shared_gateway_has_what_its_most_demanding_app_needs() -> None:
    calm = Replicas(min=1, max=2, target_ongoing_requests=40, target_queue_ms=50, upscale_delay_s=30)
    eager = Replicas(min=2, max=2, target_ongoing_requests=8, target_queue_ms=5, downscale_delay_s=600)
    assert most_demanding([calm, eager, Replicas(max=6)]) == Replicas(
        min=2, max=6, target_ongoing_requests=8, target_queue_ms=5, upscale_delay_s=10, downscale_delay_s=600
    )
