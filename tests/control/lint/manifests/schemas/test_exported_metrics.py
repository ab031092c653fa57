from __future__ import annotations

import re
from pathlib import Path

from control.lint.manifests.schemas.exported_metrics import TRITON, emitted, foreign


def test_what_is_emitted_is_what_is_documented(root: Path) -> None:
    text = (root / "docs" / "metrics.md").read_text()
    documented = dict(re.findall(r"^\| `(slipway_\w+)` \| (\w+) \|", text, re.M))
    series = emitted()
    for name, kind in documented.items():
        assert (f"{name}_bucket" if kind == "histogram" else name) in series
    bare = {re.sub(r"_(bucket|sum|count)$", "", name) for name in series}
    assert bare == set(documented)


def test_labels_are_those_documented(root: Path) -> None:
    text = (root / "docs" / "metrics.md").read_text()
    for name, labels in re.findall(r"^\| `(slipway_\w+_total)` \| \w+ \| ([\w, ]+) \|", text, re.M):
        assert set(labels.split(", ")) <= emitted()[name]


def test_what_is_somebody_elses() -> None:
    assert foreign("up") and foreign("kube_pod_info") and foreign("container_memory_working_set_bytes")
    assert not foreign("upper") and not foreign("slipway_requests_total") and not foreign("nv_inference_count")
    assert "nv_inference_queue_duration_us" in TRITON
