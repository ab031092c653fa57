from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.new.from_file.columns import Column
from control.new.from_file.fields import bounds, example, field, literal_names, quoted, safe, tuple_of


def number(low: float, high: float, kind: str = "float", missing: bool = False) -> Column:
    return Column(name="x", field="x", role="number", type=kind, low=low, high=high, missing=missing)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [
        (6.981, 28.11, (0.0, 49.3)),
        (-5.0, 10.0, (-20.0, 25.0)),
        (-8.0, -1.0, (-15.0, 0.0)),
        (0.0, 0.002, (0.0, 0.004)),
    ],
)
def test_ranges_are_a_span_wider_and_keep_their_sign(low: float, high: float, wanted: tuple[float, float]) -> None:
    assert bounds(number(low, high)) == wanted


@given(st.floats(-1e12, 1e12), st.floats(1e-6, 1e12))
def test_the_values_of_the_file_are_within_their_range(low: float, span: float) -> None:
    high = low + span
    least, most = bounds(number(low, high))
    assert least <= low and high <= most and math.isfinite(least) and math.isfinite(most)
    assert least <= example(number(low, high), 0.9) <= most


def test_whole_numbers_stay_whole() -> None:
    assert bounds(number(1, 59, "int")) == (0, 117)
    assert field(number(1, 59, "int"), {}) == (
        '    x: Annotated[int, Meta(ge=0, le=117, description="x: 1 to 59 in the file; unit unknown.")]'
    )
    assert example(number(1, 59, "int")) == 30 and example(number(0, 1, "bool")) is True


def test_missing_values_make_a_field_optional() -> None:
    assert field(number(0, 1, missing=True), {}).endswith(")] | None = None")


def test_categories_have_types_with_names_of_their_own() -> None:
    columns = [
        Column(name=n, field=n, role="category", values=("a", "b", "c")) for n in ("plan_a", "planA", "plan")
    ]
    names = literal_names(columns)
    assert list(names.values()) == ["PlanAValue", "PlanAValue2", "PlanValue"]
    assert field(columns[0], names).startswith("    plan_a: Annotated[PlanAValue, Meta(")
    assert [example(columns[0], share) for share in (0.1, 0.5, 0.9)] == ["a", "b", "c"]


def test_texts_of_the_file_as_source() -> None:
    assert quoted('say "pro" \\ \n') == '"say \\"pro\\" \\\\ \\n"'
    assert tuple_of(["a"]) == '("a",)' and tuple_of([]) == "()"
    assert safe('bad"""name|\\.csv') == "bad___name__.csv"
    assert safe("rent, €/m² (+5%?) at 20 °C") == "rent, €/m² (+5%?) at 20 °C"
