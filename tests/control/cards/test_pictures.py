from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.image import imread

from control.cards.pictures import chosen, copy, folder_of, shrunk
from control.errors import CardError
from tests.control.cards.made import plots


def test_at_most_three_small_ones_the_most_telling_first(tmp_path: Path) -> None:
    made = plots(tmp_path / "plots", "predicted_vs_actual", "another", "error_by_slice", "coverage_by_slice")
    target = tmp_path / "card" / "x"
    names = [path.name for path in copy(made, target)]
    assert names == ["error_by_slice.png", "coverage_by_slice.png", "predicted_vs_actual.png"]
    height, width = imread(target / names[0]).shape[:2]
    assert (round(7.5 * 72), 5 * 72) == pytest.approx((width, height), abs=2)
    assert (target / names[0]).stat().st_size < (made / names[0]).stat().st_size
    assert [path.name for path in copy(plots(tmp_path / "fewer", "another"), target)] == ["another.png"]
    assert [path.name for path in target.iterdir()] == ["another.png"]


def test_no_plots_make_no_folder(tmp_path: Path) -> None:
    (tmp_path / "plots").mkdir()
    assert copy(tmp_path / "plots", tmp_path / "card") == []
    assert not (tmp_path / "card").exists()
    assert chosen(tmp_path / "nowhere") == []


def test_a_plot_that_is_none_is_named_and_the_old_pictures_stay(tmp_path: Path) -> None:
    target = tmp_path / "card"
    copy(plots(tmp_path / "plots", "another"), target)
    before = (target / "another.png").read_bytes()
    assert before == shrunk(tmp_path / "plots" / "another.png")
    odd = plots(tmp_path / "odd", "another")
    (odd / "odd.png").write_bytes(b"GIF89a")
    with pytest.raises(CardError, match=r"odd\.png: the run's plot cannot be read as PNG"):
        copy(odd, target)
    assert [path.name for path in target.iterdir()] == ["another.png"]
    assert (target / "another.png").read_bytes() == before


def test_a_folder_per_name() -> None:
    assert folder_of("ONION_KARNATAKA.csv") == "card/onion_karnataka-csv"
    odd = {folder_of(name) for name in ("../../etc", "a/b", "a b", "a, b", "x" * 200, "x" * 201, "...")}
    assert len(odd) == 7
    assert all(name.count("/") == 1 and ".." not in name and len(name) < 70 for name in odd)
