from __future__ import annotations

import pytest

from control.errors import NewAppError
from control.new.template import FILES, FOLDER, check_name, class_prefix, render


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Rainfall", "'Rainfall' is no name for an app; allowed: 2 to 40 lower-case letters, digits and _"),
        ("r", "'r' is no name"),
        ("rain-fall", "'rain-fall' is no name"),
        ("1rain", "'1rain' is no name"),
        ("_rain", "'_rain' is no name"),
        ("../rain", "'../rain' is no name"),
        ("", "'' is no name"),
        ("rain\n", "is no name"),
        ("régn", "is no name"),
        ("r" * 41, "is no name"),
        ("class", "'class' is a word of Python's own"),
        ("match", "'match' is a word of Python's own"),
        ("price", "there is an app 'price' already; take another name than fraud, price"),
    ],
)
def test_names_that_are_refused(name: str, message: str) -> None:
    with pytest.raises(NewAppError) as refusal:
        check_name(name, ["price", "fraud"])
    assert message in str(refusal.value)


@pytest.mark.parametrize("name", ["rainfall", "a1", "vendor_risk", "a" * 40])
def test_names_that_are_allowed(name: str) -> None:
    check_name(name, ["price"])


def test_class_names() -> None:
    assert [class_prefix(name) for name in ("rainfall", "a1", "vendor_risk")] == ["Rainfall", "A1", "VendorRisk"]


def test_every_template_is_used_and_filled_in() -> None:
    found = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.tmpl")}
    assert found == {f"{source}.tmpl" for source, _ in FILES}
    files = render("rainfall")
    assert len(files) == len(FILES)
    assert [path for path, text in files.items() if "${" in text or not text.endswith("\n")] == []
    assert "class RainfallQuestion(" in files["apps/rainfall/schema.py"]
