from __future__ import annotations

import numpy as np
import torch

from apps.matching.serve.features import FEATURES, compare
from apps.matching.serve.tokens import VOCABULARY
from apps.matching.train.network import COLUMNS, WIDTH, MatchNetwork, columns_of
from tests.apps.matching.pairs import offered, wanted

WEIGHTS = np.ones(VOCABULARY, dtype=np.float32)
WEIGHTS[0] = 0


def network() -> MatchNetwork:
    size = len(COLUMNS)
    return MatchNetwork(WEIGHTS, np.zeros(size, np.float32), np.ones(size, np.float32), 1).eval()


def test_both_sides_have_one_encoder() -> None:
    ids = torch.from_numpy(compare([wanted("red pump")], [offered("red pump")])["requirement"].astype(np.int64))
    encoded = network().encode(ids).detach()
    assert encoded.shape == (1, WIDTH)
    assert abs(float(encoded.norm()) - 1) < 1e-4
    _, cosine = network()(torch.zeros(1, len(COLUMNS)), ids, ids)
    assert abs(float(cosine.detach()[0]) - 1) < 1e-4


def test_empty_slots_do_not_count() -> None:
    ids = torch.zeros(2, 256, dtype=torch.int64)
    ids[0, :2] = torch.tensor([5, 9])
    ids[1, 100], ids[1, 7] = 9, 5
    one, other = network().encode(ids)
    torch.testing.assert_close(one, other)


def test_a_missing_number_is_zero_and_said_to_be_missing() -> None:
    flat = compare([wanted(price=2.0)], [offered(price=4.0)])
    row = dict(zip(COLUMNS, columns_of(flat, WEIGHTS)[0].tolist(), strict=True))
    assert row["price_known"] == 1 and abs(row["price"] - np.log(2)) < 1e-6
    assert row["quality_known"] == 0 and row["quality"] == 0
    assert len(COLUMNS) == 30 + 2 * len(FEATURES)
