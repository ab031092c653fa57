from __future__ import annotations

import math

import msgspec
import pytest

from apps.vendor.schema import EXAMPLE, VendorContext, VendorQuestion
from apps.vendor.serve.columns import FEATURES
from apps.vendor.serve.features import encode
from apps.vendor.serve.reasons import FACTS, MOST, reasons

NONE = dict.fromkeys(FEATURES, 0.0)


def values(question: VendorQuestion) -> dict[str, float]:
    row = encode([question], VendorContext(base_rate=0.1))["features"][0]
    return dict(zip(FEATURES, row.tolist(), strict=True))


def test_every_feature_tells_one_fact() -> None:
    told = [name for names in FACTS.values() for name in names]
    assert sorted(told) == sorted(FEATURES)


def test_shares_of_one_fact_are_summed_and_the_largest_comes_first() -> None:
    shares = {**NONE, "late_share": 0.3, "late_share_10": 0.1, "by_ocean": -0.5, "weight": 0.2, "lead": 0.001}
    found = reasons(EXAMPLE, values(EXAMPLE), shares)
    assert [(one.effect, round(one.contribution, 3)) for one in found] == [
        ("lowers", -0.5),
        ("raises", 0.4),
        ("raises", 0.2),
    ]
    assert found[0].text == "it comes by ocean from the vendor directly, terms FCA"
    assert found[2].text == "10,000 packs worth USD 89,000, 1,350 kg"


def test_no_more_than_a_few_are_given() -> None:
    assert len(reasons(EXAMPLE, values(EXAMPLE), dict.fromkeys(FEATURES, 0.5))) == MOST


@pytest.mark.parametrize("bare", [False, True])
def test_every_fact_is_a_sentence_whatever_is_known(bare: bool) -> None:
    question = EXAMPLE
    if bare:
        gone = (
            "ordered",
            "mode",
            "incoterm",
            "product_group",
            "product_class",
            "pack_size",
            "weight",
            "first_line",
        )
        question = msgspec.structs.replace(EXAMPLE, history=(), **dict.fromkeys(gone))
    texts = [words(question, values(question)) for words in FACTS]
    assert len(set(texts)) == len(FACTS)
    assert all(text and "nan" not in text and "None" not in text for text in texts), texts


def test_contributions_of_all_facts_are_those_of_all_features() -> None:
    shares = {name: 0.1 + 0.01 * number for number, name in enumerate(FEATURES)}
    sums = [math.fsum(shares[name] for name in names) for names in FACTS.values()]
    assert math.fsum(sums) == pytest.approx(math.fsum(shares.values()))
