from __future__ import annotations

import pytest

from apps.struggle.schema import StruggleQuestion
from apps.struggle.serve.features import compute
from apps.struggle.serve.reasons import MOST, NOTHING, reasons
from tests.apps.struggle.students import asked, item


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (asked(item(10, 8, 80), item(50, 49, 82)), NOTHING),
        (asked(item(40, 39, 80), item(50)), "1 of 2 assessments due so far were not handed in"),
        (asked(item(50, 49, 30)), "the mean score so far is 30 %, below the pass mark of 40 %"),
        (asked(item(50, 49, 50)), "the mean score so far is 50 %"),
        (asked(item(10, 8, 90), item(50, 49, 60)), "the latest score, 60 %, is well below the mean of 75 %"),
        (asked(item(10, 8, 80)), "nothing was handed in for 52 days"),
        (asked(item(90)), "nothing is scored yet"),
        (asked(item(10, 12, 80), item(50, 55, 80)), "2 assessments were handed in late"),
        (asked(item(50, 49, 80), attempts=2), "2 earlier attempts at the objective"),
        (asked(item(50, 49, 80), credits=120), "120 credits are studied at the time"),
    ],
)
def test_a_fact_in_words(question: StruggleQuestion, said: str) -> None:
    assert reasons(compute([question])) == [(said,)]


def test_the_weightiest_come_first_and_few() -> None:
    many = asked(item(5, 3, 60), item(10, 12, 20), item(20), attempts=1, credits=180, day=120)
    (found,) = reasons(compute([many]))
    assert len(found) == MOST
    assert "not handed in" in found[0]
