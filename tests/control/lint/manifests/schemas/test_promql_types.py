from __future__ import annotations

import pytest

from control.lint.manifests.schemas.promql_functions import FUNCTIONS
from control.lint.manifests.schemas.promql_types import type_problem


@pytest.mark.parametrize(
    "query",
    [
        "up",
        "1 + 2",
        "vector(1) > bool 0",
        "1 > bool 2",
        "-rate(a[5m]) ^ 2",
        "2 ^ -1 * a",
        'sum by (app) (rate(a_total{status=~"5.."}[5m])) / on (app) group_left (x) b_total',
        "histogram_quantile(0.99, sum(rate(a_bucket[5m])) by (le)) > 1",
        "a and on () (hour() > 8) unless b > 1 or vector(0)",
        "max_over_time(rate(a[5m])[1h:1m])",
        "max_over_time(a[1h:])",
        "rate(a[5m] offset 1h) + rate(a[5m] @ end()) - a offset -5m",
        "avg_over_time((a + b)[1h:5m] offset 1d)",
        "topk(3, a) or bottomk by (x) (2, a)",
        "quantile(0.5, a) + count_values('v', a)",
        "label_replace(a, 'x', '$1', 'y', '(.*)')",
        "label_join(a, 'x', '-', 'y', 'z')",
        "absent(a{b='c'}) or absent_over_time(a[5m])",
        "clamp(a, 0, 1) + clamp_min(a, 0)",
        "round(a) + round(a, 0.1) + day_of_week() + year(a)",
        "predict_linear(a[1h], 3600) < 0",
        "quantile_over_time(0.9, a[1h])",
        "scalar(a) + time() - 1e-3",
        "a atan2 b % Inf",
        'rate({__name__="a"}[5m])',
        "sum(group)",
        "rate(a{b=~'x|(y)', c!~\"\\\\d+\", d=`\\d`,}[1h30m]) > 0",
        '{"a.b", c="d"} or {__name__=~"a.+", d=""}',
        "a unless on (b) c and ignoring (d) e",
        "a offset step() + a @ start()",
        "newer_function(a[5m], 1) > 1",
        "a smoothed",
        "(" * 3000 + "a" + ")" * 3000,
    ],
)
def test_right(query: str) -> None:
    assert type_problem(query) == ""


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("rate(a)", "expected type range vector in call to function 'rate', got instant vector"),
        ("sum(rate(a)) > 1", "expected type range vector in call to function 'rate', got instant vector"),
        ("increase(sum(a))", "expected type range vector in call to function 'increase', got instant vector"),
        ("rate(sum(a)[5m])", "ranges only allowed for vector selectors"),
        ("rate(rate(a[5m])[1m])", "ranges only allowed for vector selectors"),
        ("max_over_time(a[5m][1h:1m])", "subquery is only allowed on instant vector, got range vector instead"),
        ("sum(a[5m])", "expected type instant vector in aggregation expression, got range vector"),
        ("topk(a, 3)", "expected type scalar in aggregation expression, got instant vector"),
        ("topk(a)", "wrong number of arguments for aggregate expression provided, expected 2, got 1"),
        ("a[5m]", "invalid expression type 'range vector' for a rule"),
        ("'a'", "invalid expression type 'string' for a rule"),
        ("a[5m] > 1", "binary expression must contain only scalar and instant vector types"),
        ("a > 'b'", "binary expression must contain only scalar and instant vector types"),
        ("a or 0", "set operator 'or' not allowed in binary scalar expression"),
        ("1 > 2", "comparisons between scalars must use BOOL modifier"),
        ("a + bool b", "bool modifier can only be used on comparison operators"),
        ("abs(1)", "expected type instant vector in call to function 'abs', got scalar"),
        ("vector(a)", "expected type scalar in call to function 'vector', got instant vector"),
        ("rate()", "expected 1 argument(s) in call to 'rate', got 0"),
        ("rate(a[5m], 1)", "expected 1 argument(s) in call to 'rate', got 2"),
        ("round(a, 1, 2)", "expected at most 2 argument(s) in call to 'round', got 3"),
        ("label_join(a)", "expected at least 3 argument(s) in call to 'label_join', got 1"),
        ("a{b=c}", "unexpected 'c' in label matching, expected string"),
        ("a{b='c' d='e'}", "unexpected 'd' in label matching, expected ',' or '}'"),
        ("a{b}", "unexpected 'b' in label matching"),
        ("{a=~'.*', b=''}", "vector selector must contain at least one non-empty matcher"),
        ("a{b=~'('}", "error parsing regexp '(': missing ), unterminated subpattern"),
        (r"a{b=~'x\.y'}", r"unknown escape sequence '\\.' in 'x\.y'"),
        ("rate(a[30m1h])", "not a valid duration string: '30m1h'"),
        ("a offset soon", "unexpected identifier 'soon', expected a duration or a time"),
        ("a and on (b) group_left () c", "no grouping allowed for 'and' operation"),
        ("a * group_left (b) c", "unexpected 'group_left': it needs on (...) or ignoring (...) before it"),
        (
            "histogram_quantile(a, 0.9)",
            "expected type scalar in call to function 'histogram_quantile', got instant vector",
        ),
        (
            "-a[5m]",
            "unary expression only allowed on expressions of type scalar or instant vector, got 'range vector'",
        ),
    ],
)
def test_refused(query: str, reason: str) -> None:
    assert type_problem(query) == reason


@pytest.mark.parametrize("query", ["", "sum(a", "a b", "a offset", "sum by (a", "* 3"])
def test_what_is_not_a_question_of_types(query: str) -> None:
    assert type_problem(query) == ""


def test_the_table_has_only_letters_of_types() -> None:
    for wanted, result in FUNCTIONS.values():
        assert set(wanted) <= set("svmt?*") and result in "sv"
