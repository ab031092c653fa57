from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.lint.manifests.objects.quantity import parse


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("500m", "0.5"),
        ("2Gi", str(2 * 2**30)),
        ("1k", "1000"),
        ("1Ki", "1024"),
        ("1e3", "1000"),
        (".5", "0.5"),
        (2, "2"),
        (0.5, "0.5"),
        ("-1", "-1"),
        ("10u", "0.00001"),
        ("1e0003", "1000"),
        ("12e-1", "1.2"),
        ("1e99999999999", str(2**63 - 1)),
        ("-" + "9" * 5000, str(1 - 2**63)),
    ],
)
def test_quantities(text: object, number: str) -> None:
    assert parse(text) == Decimal(number)


@pytest.mark.parametrize("text", ["2GB", "500 m", "", "m", "1.2.3", "1K", "1gi", None, True, [], "0x10", "１"])
def test_no_quantities(text: object) -> None:
    assert parse(text) is None


@given(st.integers(0, 10**9), st.sampled_from(["m", "", "k", "M", "Ki", "Mi", "Gi"]))
def test_a_larger_number_is_more(number: int, unit: str) -> None:
    smaller, larger = parse(f"{number}{unit}"), parse(f"{number + 1}{unit}")
    assert smaller is not None and larger is not None and smaller < larger
