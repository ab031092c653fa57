from __future__ import annotations

import numpy as np
import pandas as pd

from apps.vendor.train.data import shipments
from apps.vendor.train.synthetic import COUNTRIES, SHIPMENTS, VENDORS, generate


def test_the_same_seed_gives_the_same_table() -> None:
    pd.testing.assert_frame_equal(generate(3), generate(3))
    assert not generate(3).equals(generate(4))


def test_it_has_the_gaps_and_delays_of_a_real_table() -> None:
    table = generate(7)
    assert len(table) == len(shipments(table)) == SHIPMENTS
    assert table["vendor"].nunique() <= VENDORS and set(table["country"]) == set(COUNTRIES)
    assert 0.05 < (table["delivered"] > table["scheduled"]).mean() < 0.4
    assert table["weight"].isna().any() and table["ordered"].isna().any()
    assert (table["recorded"] > table["delivered"]).any() and (table["recorded"] >= table["delivered"]).all()


def test_bad_spells_make_the_late_share_of_a_vendor_vary() -> None:
    table = generate(7)
    late = table["delivered"] > table["scheduled"]
    by_year = late.groupby([table["vendor"], table["scheduled"].dt.year]).mean().unstack()
    assert float(np.nanmedian(by_year.std(axis=1))) > 0.05
