from __future__ import annotations

import msgspec
import pytest
from markdown_it import MarkdownIt

from control.cards.blocks import SYNTHETIC, blocks, replaced
from control.cards.figures import figure, headlines, parity_text, text_of
from serving.kernel.storage.version_manifest import Check, Metric
from tests.control.cards.made import CARD, manifest


def test_a_block_says_what_the_manifest_says() -> None:
    text = text_of(manifest(), ["card/onion-csv/error_by_slice.png"])
    for part in (
        "Version 3 on ONION.csv (SHA-256 fedcba987654). Rows: 70,000 train, 9,000 validation, 8,057 test.",
        "Split: by time (date), test_from 2019-01-01.",
        "| mae, INR | day 1 | 226.2 | 233.5 | 2.6 to 11.6 | 8,057 |",
        "| mae, INR | day 7 | 438.6 | 474.8 |  | 6,912 |",
        "<details><summary>1 more figures</summary>",
        "Gate: passed 1 checks. Parity: the largest error is 2e-06 of 1e-05 allowed (output y, native/triton); 1 ",
        "Made 2026-01-02T03:04:05Z from commit 0123456789ab+changes; numpy 1.26.4.",
        "![error by slice](card/onion-csv/error_by_slice.png)",
    ):
        assert part in text
    assert SYNTHETIC not in text
    assert text_of(manifest(synthetic=True)).startswith(SYNTHETIC)


def test_columns_that_look_like_leaks_are_named() -> None:
    assert "leaks" not in text_of(manifest())
    text = text_of(manifest(allowed_columns=("lot|no", "Gloss")))
    assert "**Kept on request although they look like leaks of the answer: lot\\|no, Gloss.**" in text


def test_a_model_without_known_answers_was_not_judged() -> None:
    assert "Gate: not judged, because no rows with known answers were given." in text_of(
        manifest(added=True, gate=())
    )
    assert "Gate: passed 1 checks." in text_of(manifest(added=True))


def test_metrics_whose_gain_was_judged_come_first_with_all_their_slices() -> None:
    first, rest = headlines(manifest().metrics)
    assert [(metric.name, metric.slice) for metric in first] == [("mae", "day 1"), ("mae", "day 7")]
    assert [metric.name for metric in rest] == ["coverage"]
    bare = (Metric(name="a", value=1.0), Metric(name="b", value=1.0, baseline=2.0))
    assert [metric.name for metric in headlines(bare)[0]] == ["b"]
    many = tuple(Metric(name="a", value=1.0, baseline=2.0, slice=str(number)) for number in range(40))
    assert [len(part) for part in headlines(many)] == [16, 24]


def test_what_failed_is_named() -> None:
    failed = Check(name="beats it", passed=False, measured="-1", required="above 0")
    text = text_of(manifest(gate=(failed,), parity=()))
    assert "Gate: FAILED beats it. Parity: not recorded." in text
    assert "| beats it | FAILED | -1 | above 0 |" in text
    assert parity_text(()) == "Parity: not recorded."


@pytest.mark.parametrize(
    "odd", ["a|b", "a\nb", "<script>alert(1)</script>", "<!-- figures: x -->", "[x](y)", "`a`", "\\"]
)
def test_text_from_data_stays_text(odd: str) -> None:
    metric = msgspec.structs.replace(manifest().metrics[0], slice=odd)
    text = text_of(manifest(source=odd, metrics=(metric,), split={"kind": odd}))
    assert len(blocks(replaced(CARD, "x", text))) == 1
    html = MarkdownIt("commonmark").enable("table").render(text)
    assert "<script" not in html and "<a " not in html and "<code" not in html
    assert html.count("<td") == 6 + 4


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (0.123456, "0.1235"), (226.21, "226.2"), (123456.7, "123,457")]
)
def test_numbers(value: float | None, text: str) -> None:
    assert figure(value) == text


def test_notes_on_the_data_are_a_list() -> None:
    text = text_of(manifest(notes=("not used of a.csv: x, y", "column 'a|b': check <its> unit")))
    assert "Notes on the data:\n\n- not used of a.csv: x, y\n- column 'a\\|b': check &lt;its> unit" in text
    assert "Notes on the data" not in text_of(manifest())
