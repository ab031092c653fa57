from __future__ import annotations

import pandas as pd

from training.plots.plot_style import bars_beside, in_order, name_slices, one_figure


def test_a_figure_has_its_words() -> None:
    figure, axes = one_figure("title", "across", "up")
    assert figure.axes == [axes]
    assert (axes.get_title(loc="left"), axes.get_xlabel(), axes.get_ylabel()) == ("title", "across", "up")


def test_numbers_in_slice_names_are_sorted_by_size() -> None:
    names = ["horizon 10", "horizon 2", "a", "horizon 1, busy", "horizon 1"]
    table = pd.DataFrame({"x": range(5)}, index=names)
    assert list(in_order(table).index) == ["a", "horizon 1", "horizon 2", "horizon 10", "horizon 1, busy"]


def test_few_slices_are_all_named_and_many_are_thinned() -> None:
    for count, named in ((3, 3), (60, 15)):
        _, axes = one_figure("", "", "")
        name_slices(axes, pd.Index([f"slice {n}" for n in range(count)], name="market"))
        assert len(axes.get_xticks()) == named
        assert axes.get_xlabel() == "market"


def test_bars_stand_beside_each_other() -> None:
    _, axes = one_figure("", "", "")
    bars_beside(axes, pd.DataFrame({"model": [1.0, 2.0], "baseline": [2.0, 3.0]}, index=["a", "b"]))
    heights = [bar.get_height() for bar in axes.patches]
    assert heights == [1.0, 2.0, 2.0, 3.0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["model", "naive baseline"]
