from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from control.errors import CardError
from control.gallery.entries import Entry
from control.gallery.page import write
from serving.kernel.storage.version_manifest import Check, Metric
from tests.control.cards.made import CARD, manifest, plots

VOID = {"meta", "img", "br", "hr", "link", "input"}
EVIL = "<script>alert('x')</script>"


class Page(HTMLParser):
    """Tags and their attributes; fails where tags do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def entry(folder: Path, **more: object) -> Entry:
    fields = {"app": "rain", "summary": "Rain.", "card": CARD, "manifest": manifest(), "champion": True}
    return Entry(**{**fields, "plots": tuple(sorted(folder.glob("*.png"))), **more})  # type: ignore[arg-type]


def test_the_page_shows_versions_and_works_from_a_file(tmp_path: Path) -> None:
    drawn = plots(tmp_path / "plots", "error_by_slice", "coverage_by_slice")
    bare = Entry(app="snow", summary="Snow.", card="")
    path = write([entry(drawn, others=(1, 2)), bare], tmp_path / "out")
    text = path.read_text()
    page = Page(text)
    for part in ("<b>Version 3</b> (champion; there are also 1, 2)", "226.2", "2.6 to 11.6", "How much?"):
        assert part in text
    assert "No version yet: <code>slipway train snow</code>" in text
    images = [str(attributes["src"]) for tag, attributes in page.tags if tag == "img"]
    assert images == ["plots/rain/coverage_by_slice.png", "plots/rain/error_by_slice.png"]
    assert all((path.parent / image).is_file() for image in images)
    assert not {"script", "link", "iframe"} & {tag for tag, _ in page.tags}
    links = [
        str(attributes[name]) for _, attributes in page.tags for name in ("src", "href") if name in attributes
    ]
    assert all(re.fullmatch(r"#\w+|plots/[\w/.]+", link) for link in links), links
    assert "prefers-color-scheme: dark" in text and 'name="viewport"' in text
    assert re.search(r'class="bar" style="width: 96\.9%".*class="bar baseline" style="width: 100\.0%"', text)


def test_a_page_written_again_has_no_plots_of_before(tmp_path: Path) -> None:
    write([entry(plots(tmp_path / "plots", "old"))], tmp_path / "out")
    write([entry(plots(tmp_path / "others", "new"))], tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").rglob("*")) == [
        "index.html",
        "new.png",
        "plots",
        "rain",
    ]


def test_synthetic_failed_and_missing_are_said(tmp_path: Path) -> None:
    failed = Check(name="beats it", passed=False, measured="-1", required="above 0")
    told = entry(
        tmp_path,
        manifest=manifest(synthetic=True, gate=(failed,)),
        missing="The plots are missing.",
        champion=False,
    )
    text = write([told], tmp_path / "out").read_text()
    assert "Trained on SYNTHETIC data" in text and '<span class="failed">Gate: FAILED beats it.</span>' in text
    assert "The plots are missing." in text and "(newest)" in text


def test_text_from_data_and_cards_is_escaped(tmp_path: Path) -> None:
    metric = msgspec.structs.replace(manifest().metrics[0], name=EVIL, slice=EVIL, unit=EVIL)
    check = Check(name=EVIL, passed=True, measured=EVIL, required=EVIL)
    made = manifest(source=EVIL, metrics=(metric,), gate=(check,), split={"kind": EVIL}, libraries={EVIL: "1"})
    card = f"{CARD}\n{EVIL}\n\n[x](javascript:alert(1)) ![y](javascript:alert(2))\n"
    text = write(
        [entry(tmp_path, manifest=made, card=card, summary=EVIL, missing=EVIL)], tmp_path / "out"
    ).read_text()
    page = Page(text)
    assert "script" not in {tag for tag, _ in page.tags}
    assert not any("javascript" in str(value) for _, attributes in page.tags for value in attributes.values())
    assert "&amp;lt;" not in text


def test_a_card_is_shown_without_its_figures_and_with_its_tables(tmp_path: Path) -> None:
    card = f"{CARD}\n<!-- a note -->\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
    card += "<!-- figures: x -->\nGENERATED\n<!-- end of figures -->\n"
    text = write([entry(tmp_path, card=card)], tmp_path / "out").read_text()
    assert "GENERATED" not in text and "a note" not in text
    assert "<td>2</td>" in text and "<h3>Rain: model card</h3>" in text and "<h4>Question</h4>" in text
    broken = write([entry(tmp_path, card=card + "<!-- figures: y -->\n")], tmp_path / "out").read_text()
    assert "markers are wrong: line" in broken


@pytest.mark.parametrize("value", [-0.5, 0.0, float("inf")])
def test_figures_that_have_no_length_have_no_bar(tmp_path: Path, value: float) -> None:
    metric = Metric(name="r2", value=value, baseline=-1.0 if value < 0 else 0.0)
    text = write([entry(tmp_path, manifest=manifest(metrics=(metric,)))], tmp_path / "out").read_text()
    assert '<div class="bar' not in text


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CardError, match="--gallery: .*file.* cannot be written"):
        write([entry(tmp_path)], tmp_path / "file" / "out")
