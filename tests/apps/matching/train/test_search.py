from __future__ import annotations

import numpy as np

from apps.matching.serve.decide import broken_rule
from apps.matching.train.search import allowed, candidates, ranking, search_metrics
from tests.apps.matching.pairs import fitted, offered, synthetic_split, wanted


def test_pairs_are_allowed_where_no_rule_is_broken() -> None:
    left = [wanted(), wanted(commodity="Rice"), wanted(commodity="rice", unit="kg")]
    right = [offered(), offered(commodity="RICE", unit="kg"), offered(unit="tonne"), offered(commodity="onion")]
    expected = [[broken_rule(one, other) is None for other in right] for one in left]
    assert allowed(left, right).tolist() == expected


def test_the_same_text_is_the_nearest_and_what_a_rule_leaves_out_comes_last() -> None:
    lots = [offered("red pump", "A"), offered("canon toner e-16", "B", unit="kg"), offered("canon toner", "C")]
    left = [wanted(), wanted(unit="tonne")]
    mask = allowed(left, lots)
    near = candidates(fitted().model, left, lots, mask)
    assert near[0].tolist()[0] == 1
    assert near[1].tolist()[-1] == 1
    ranked = ranking(fitted().model, left, lots, near, mask)
    assert ranked.shape == near.shape
    assert ranked[1].tolist()[-1] == 1


def test_nearly_every_match_is_among_the_candidates() -> None:
    found = {metric.name: metric for metric in search_metrics(fitted().model, synthetic_split()[1])}
    assert set(found) == {"hit_at_1", "hit_at_5", "in_shortlist"}
    assert found["in_shortlist"].value > 0.9
    assert found["hit_at_1"].value <= found["hit_at_5"].value <= found["in_shortlist"].value
    assert all(np.isfinite(metric.value) and metric.baseline is not None for metric in found.values())
