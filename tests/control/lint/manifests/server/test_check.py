from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.manifests.measure import good
from control.lint.manifests.lint import lint_objects
from control.lint.manifests.options import LintOptions
from control.lint.manifests.schemas.builtin_kinds import is_built_in
from control.lint.manifests.server.check import KINDS, check, covers, older

JUNK: dict[type, list[Any]] = {
    str: ["", "a/b", "ü", "-1", "a" * 300, "10%", "*.a", "1.2.3.4/33", "a\nb", "1e9999", "٣"],
    int: [-1, 0, 2**31, 2**40],
    bool: [True, False],
}
"""Values that have the right type, so that they pass the schema and reach the rules."""


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if not isinstance(value, (dict, list)):
        return [path]
    items = value.items() if isinstance(value, dict) else enumerate(value)
    return [place for key, item in items for place in _leaves(item, (*path, key))]


BODIES = [body for body in good().values() if is_built_in(body)]


@settings(max_examples=150)
@given(st.data())
def test_odd_values_are_no_crash(data: st.DataObject) -> None:
    body = copy.deepcopy(data.draw(st.sampled_from(BODIES)))
    *way, last = data.draw(
        st.sampled_from(_leaves({k: v for k, v in body.items() if k not in ("apiVersion", "kind")}))
    )
    place: Any = body
    for key in way:
        place = place[key]
    junk = JUNK.get(type(place[last]), [""])
    place[last] = data.draw(st.sampled_from(junk))
    assert all(finding.id for finding in lint_objects([body], LintOptions()))


@pytest.mark.parametrize(("group", "kind"), KINDS)
def test_each_kind_needs_a_name_and_nothing_is_no_crash(group: str, kind: str) -> None:
    body = {"apiVersion": f"{group}/v1" if group else "v1", "kind": kind, "metadata": {}}
    assert covers(body)
    assert ("metadata.name", "Required value: name or generateName is required") in [
        (refusal.path, refusal.reason) for refusal in check(body)
    ]


def test_other_kinds_have_no_rules() -> None:
    body = yaml.safe_load("{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {}}")
    assert not covers(body) and check(body) == []


def test_what_older_servers_refuse_is_a_warning() -> None:
    body = yaml.safe_load("{apiVersion: v1, kind: Service, metadata: {name: 1a}, spec: {ports: [{port: 80}]}}")
    assert check(body) == []
    (refusal,) = older(body)
    assert refusal.reason.startswith('Invalid value: "1a": a DNS-1035 label must')
    (found,) = lint_objects([body], LintOptions())
    assert (found.id, found.severity) == ("SLW110", "warning")
    assert older({**body, "metadata": {"name": "a"}}) == older({"apiVersion": "v1", "kind": "Secret"}) == []
