from __future__ import annotations

import numpy as np

from apps.price.serve.cells import BLOCKS, CELL, LEFT, LEVELS, MEANS, ORDER, RECENT, RIGHT, WIDTH
from apps.price.serve.columns import FEATURES, SPANS


def test_every_feature_has_a_cell_of_its_own() -> None:
    assert len(set(ORDER.tolist())) == len(ORDER) == len(FEATURES)
    assert {FEATURES[at]: int(cell) for at, cell in enumerate(ORDER)} == {
        name: CELL["arrival@0" if name == "arrival" else name] for name in FEATURES
    }


def test_blocks_do_not_overlap_and_fill_the_row() -> None:
    taken = np.zeros(WIDTH, dtype=int)
    for name, block in BLOCKS.items():
        if name not in ("means", "roots"):
            taken[block] += 1
    assert taken.tolist() == [1] * WIDTH


def test_blocks_of_blocks_hold_the_means_in_order() -> None:
    places = [CELL[f"{name}_{span}"] for name in MEANS for span in SPANS]
    # Between two spans is a cell of no use.
    assert np.diff(places).tolist() == ([2] * (len(SPANS) - 1) + [1]) * (len(MEANS) - 1) + [2] * (len(SPANS) - 1)
    assert (BLOCKS["means"].start, BLOCKS["means"].stop) == (places[0], places[-1] + 1)
    assert BLOCKS["roots"] == slice(CELL["volatility_7"], CELL["spread_90"] + 1)


def test_differences_are_of_other_cells() -> None:
    block = BLOCKS["differences"]
    assert len(LEFT) == len(RIGHT) == block.stop - block.start
    for places in (LEFT, RIGHT):
        assert not ((places >= block.start) & (places < block.stop)).any()
    assert len(LEVELS) * len(RECENT) == BLOCKS["levels"].stop - BLOCKS["levels"].start
