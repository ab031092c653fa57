from __future__ import annotations

import pytest

from control.lint.manifests.schemas.promql import read


@pytest.mark.parametrize(
    ("query", "metrics"),
    [
        ("up", {"up"}),
        (
            'sum by (app) (rate(a_total{status=~"5.."}[5m])) / on (app) group_left (x) b_total',
            {"a_total", "b_total"},
        ),
        ("histogram_quantile(0.99, sum(rate(a_bucket[5m])) by (le))", {"a_bucket"}),
        ("a:b:ratio5m > 1e3 and b unless on(job) c offset 5m", {"a:b:ratio5m", "b", "c"}),
        ('label_replace(a, "x", "$1", "y", "(.*)") or vector(0)', {"a"}),
        ("max_over_time(a[1h:5m] @ 1.5) - -b % 2", {"a", "b"}),
        ('{__name__="a"}', set()),
        ("a # b\n + c", {"a", "c"}),
        ("count_values without (instance) ('v', a)", {"a"}),
    ],
)
def test_metrics_of_a_query(query: str, metrics: set[str]) -> None:
    used = read(query)
    assert (set(used.metrics), used.problem) == (metrics, "")


def test_labels_of_a_query() -> None:
    used = read('sum by (app, status) (a{x="by (z)", y!="1"}) without (n) + a{w=~"2"}')
    assert used.metrics == {"a": frozenset({"x", "y", "w"})} and used.grouped == {"app", "status"}


@pytest.mark.parametrize(
    "query", ["", "  ", "sum(a", "sum(a))", 'a{b="c}', "a[5m", "sum(a]", "a ; b", 'a{b="c"', "a ! b"]
)
def test_what_cannot_be_read(query: str) -> None:
    assert read(query).problem
