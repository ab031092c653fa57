from __future__ import annotations

import pytest

from apps.struggle.schema import EXAMPLE, StruggleQuestion
from apps.struggle.serve.features import compute
from apps.struggle.serve.rules import fallback, rule
from serving.kernel.errors import Invalid
from tests.apps.struggle.students import asked, item

GOOD = asked(item(10, 8, 90), item(30, 28, 80))


@pytest.mark.parametrize(
    "worse",
    [
        asked(item(10, 8, 50), item(30, 28, 40)),
        asked(item(10, 8, 85), item(30)),
        asked(item(10), item(30)),
        asked(),
    ],
)
def test_missing_work_and_low_scores_raise_the_risk(worse: StruggleQuestion) -> None:
    good, bad = rule(compute([GOOD, worse]))
    assert 0 < good < bad < 1


def test_the_fallback_is_marked_and_gives_reasons() -> None:
    good, bad = fallback([GOOD, asked(item(10), item(30))])
    assert good.fallback and bad.fallback
    assert good.confidence is None
    assert not good.struggles and bad.struggles and bad.risk == "high"
    assert bad.reasons[0] == "2 of 2 assessments due so far were not handed in"
    assert fallback([EXAMPLE]) == fallback([GOOD, EXAMPLE])[1:]


def test_the_fallback_refuses_what_the_model_refuses() -> None:
    with pytest.raises(Invalid, match=r"\[0\]\.day"):
        fallback([asked(day=None)])
