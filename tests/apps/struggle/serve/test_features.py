from __future__ import annotations

import random

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.struggle.schema import EXAMPLE, Assessment, StruggleQuestion
from apps.struggle.serve.columns import FEATURES
from apps.struggle.serve.features import compute, encode
from serving.kernel.errors import Invalid
from tests.apps.struggle.students import CONTEXT, asked, item

DAYS = st.integers(-20, 240)
ITEMS = st.lists(
    st.builds(
        Assessment,
        kind=st.sampled_from(["TMA", "CMA"]),
        due=DAYS,
        weight=st.floats(0, 100),
        submitted=st.none() | DAYS,
        score=st.none() | st.floats(0, 100),
        banked=st.booleans(),
    ),
    max_size=12,
)


def features(question: StruggleQuestion) -> dict[str, float]:
    return dict(zip(FEATURES, compute([question])[0].tolist(), strict=True))


def test_the_known_values_of_a_record() -> None:
    found = features(
        asked(
            item(10, 8, 80), item(30, 35, 60, kind="CMA", weight=10.0), item(50), item(90), credits=90, attempts=2
        )
    )
    assert (found["due"], found["missed"], found["handed_in"]) == (3, 1, 2)
    assert found["missed_share"] == pytest.approx(1 / 3)
    assert (found["missed_weight"], found["due_weight"], found["weight_ahead"]) == (20, 50, 20)
    assert found["mean"] == 70 and found["tutor_mean"] == 80
    assert found["weighted_mean"] == pytest.approx((80 * 20 + 60 * 10) / 30)
    assert found["points_share"] == pytest.approx((80 * 20 + 60 * 10) / 50)
    assert (found["lowest"], found["highest"], found["spread"]) == (60, 80, 10)
    assert (found["last_score"], found["last_tutor_score"], found["missed_last"]) == (60, 80, 1)
    assert (found["late_mean"], found["late_most"], found["late_count"]) == (1.5, 5, 1)
    assert (found["since_last"], found["since_due"], found["next_due"]) == (25, 10, 30)
    assert (found["credits"], found["attempts"]) == (90, 2)


def test_an_empty_record_has_counts_of_zero_and_no_scores() -> None:
    found = features(asked())
    assert found["due"] == found["missed"] == found["handed_in"] == 0
    assert all(np.isnan(found[name]) for name in ("mean", "missed_share", "since_last", "registered", "education"))


@settings(max_examples=30)
@given(ITEMS, st.integers(1, 240))
def test_what_lies_after_the_day_does_not_matter(items: list[Assessment], day: int) -> None:
    later = [
        msgspec.structs.replace(one, submitted=None, score=None, banked=False)
        if one.submitted is not None and one.submitted > day
        else one
        for one in items
    ]
    # Scores without a submission are not known either.
    assert compute([asked(*items, day=day)]).tobytes() == compute([asked(*later, day=day)]).tobytes()


@settings(max_examples=30)
@given(ITEMS, st.randoms())
def test_the_order_of_the_assessments_does_not_matter(items: list[Assessment], chance: random.Random) -> None:
    mixed = chance.sample(items, len(items))
    assert compute([asked(*items)]).tobytes() == compute([asked(*mixed)]).tobytes()


@settings(max_examples=30)
@given(st.lists(ITEMS, min_size=1, max_size=5))
def test_a_row_does_not_depend_on_its_neighbours(many: list[list[Assessment]]) -> None:
    questions = [asked(*items) for items in many]
    together = compute(questions)
    assert together.tobytes() == np.concatenate([compute([question]) for question in questions]).tobytes()
    assert not np.isinf(together).any()


@pytest.mark.parametrize(
    ("question", "field"),
    [
        (msgspec.structs.replace(EXAMPLE, record=None), "[1].record"),
        (msgspec.structs.replace(EXAMPLE, day=None), "[1].day"),
        (asked(day=60, withdrawn=60), "[1].record.withdrawn"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_its_path(question: StruggleQuestion, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        encode([EXAMPLE, question], CONTEXT)
    assert refused.value.field == field


def test_nobody_s_group_is_a_feature() -> None:
    banned = {"gender", "disability", "imd_band", "deprivation", "age_band", "region", "withdrawn"}
    assert not banned & set(FEATURES)
