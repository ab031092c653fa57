from __future__ import annotations

from pathlib import Path

import pytest

from control.cards.blocks import SYNTHETIC, blocks, handwritten
from control.cards.write import read, stale, update
from control.errors import CardError
from tests.control.cards.made import CARD, manifest, plots


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "README.md").write_text(CARD)
    return tmp_path / "app"


def test_a_version_is_written_and_then_up_to_date(folder: Path, tmp_path: Path) -> None:
    assert stale(folder, manifest()) == "the card has no figures of 'ONION.csv'"
    done = update(folder, manifest(), plots(tmp_path / "plots", "error_by_slice"))
    assert done.changed and done.pictures == ("card/onion-csv/error_by_slice.png",)
    assert (folder / done.pictures[0]).is_file()
    assert handwritten(read(folder)).split() == CARD.split()
    assert stale(folder, manifest()) == ""
    assert not update(folder, manifest(), None).changed
    assert stale(folder, manifest(version=4)) == "the figures of 'ONION.csv' are not those of version 4"
    assert update(folder, manifest(version=4), None).changed
    assert len(blocks(read(folder))) == 1 and "error_by_slice.png" in read(folder)


def test_each_data_set_has_its_block_and_a_name_may_be_given(folder: Path) -> None:
    update(folder, manifest(), None)
    update(folder, manifest(source="TOMATO.csv"), None)
    update(folder, manifest(), None, name="onion, all years")
    assert [block.name for block in blocks(read(folder))] == ["ONION.csv", "TOMATO.csv", "onion, all years"]
    assert stale(folder, manifest(), "onion, all years") == ""


def test_synthetic_figures_say_so_and_stay_away_from_real_ones(folder: Path) -> None:
    made = manifest(source="synthetic data of rain", synthetic=True)
    update(folder, made, None)
    assert SYNTHETIC in read(folder)
    update(folder, manifest(), None)
    before = read(folder)
    with pytest.raises(CardError, match=r"version 3 is synthetic .* \(ONION.csv\); use --force to add its"):
        update(folder, made, None)
    assert read(folder) == before
    assert not update(folder, made, None, force=True).changed


def test_what_is_wrong_is_named_and_nothing_is_touched(folder: Path, tmp_path: Path) -> None:
    drawn = plots(tmp_path / "plots", "error_by_slice")
    with pytest.raises(CardError, match="has no name; give a name with --name"):
        update(folder, manifest(source=""), drawn)
    (folder / "README.md").write_text(CARD + "<!-- figures: a -->\n")
    with pytest.raises(CardError, match=r"README\.md: line 11: the block 'a' has no end"):
        update(folder, manifest(), drawn)
    (folder / "README.md").write_text("# Rain\n")
    with pytest.raises(CardError, match=r"README\.md: the heading '## Metrics"):
        update(folder, manifest(), drawn)
    (folder / "README.md").unlink()
    with pytest.raises(CardError, match=r"README\.md: cannot be read: No such file"):
        update(folder, manifest(), drawn)
    assert list(folder.iterdir()) == []
