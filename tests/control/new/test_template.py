from __future__ import annotations

import pytest

from control.errors import NewAppError
from control.new.template import FILES, FOLDER, check_name, class_prefix, render


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "Rainfall",
            "'Rainfall' is not a valid app name; allowed: 2 to 40 lower-case letters, digits and _",
        ),
        ("r", "'r' is not a valid app name"),
        ("rain-fall", "'rain-fall' is not a valid app name"),
        ("1rain", "'1rain' is not a valid app name"),
        ("_rain", "'_rain' is not a valid app name"),
        ("../rain", "'../rain' is not a valid app name"),
        ("", "'' is not a valid app name"),
        ("rain\n", "is not a valid app name"),
        ("régn", "is not a valid app name"),
        ("r" * 41, "is not a valid app name"),
        ("class", "'class' is a keyword of Python"),
        ("match", "'match' is a keyword of Python"),
        ("price", "an app 'price' already exists; choose a name other than fraud, price"),
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
