from __future__ import annotations

import pytest

from control.cards.blocks import END, HEADING, SYNTHETIC, blocks, clean, handwritten, replaced
from control.errors import CardError
from tests.control.cards.made import CARD

ONION = "<!-- figures: onion, Karnataka -->"


def test_a_first_block_goes_below_the_heading_and_the_rest_stays() -> None:
    made = replaced(CARD, "onion, Karnataka", "a\n\nb")
    assert made == CARD.replace(f"{HEADING}\n", f"{HEADING}\n{ONION}\na\n\nb\n{END}\n\n")
    assert handwritten(made) == CARD.replace(f"{HEADING}\n", f"{HEADING}\n\n")


def test_a_block_is_replaced_and_others_follow_it() -> None:
    made = replaced(replaced(CARD, "onion, Karnataka", "old"), "tomato", "red")
    again = replaced(made, "onion, Karnataka", "new\nlines")
    assert [(block.name, block.text) for block in blocks(again)] == [
        ("onion, Karnataka", "new\nlines"),
        ("tomato", "red"),
    ]
    assert handwritten(again) == handwritten(made)
    assert replaced(again, "tomato", "red") == again


def test_a_synthetic_block_says_so() -> None:
    (block,) = blocks(replaced(CARD, "made", f"{SYNTHETIC}\n\nfigures"))
    assert block.synthetic


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([ONION], "line 1: the block 'onion, Karnataka' has no end"),
        (["", END], "line 2: the end of a block without its start"),
        ([ONION, ONION, END], "line 2: a block starts before the block of line 1 ends"),
        ([ONION, END, ONION, END], "line 3: the block 'onion, Karnataka' already exists in line 1"),
        (["<!-- figures: -->", END], "line 1: malformed marker; expected `<!-- figures: NAME -->`"),
        (["<!--figures: a-->", END], "line 1: malformed marker"),
        ([ONION, f"text {END}"], "line 2: malformed marker"),
        ([ONION, "<!-- End of figures -->"], "line 2: malformed marker"),
    ],
)
def test_wrong_markers_are_named_by_their_line(lines: list[str], message: str) -> None:
    with pytest.raises(CardError) as error:
        blocks("\n".join(lines))
    assert message in str(error.value)


def test_the_heading_must_be_there_once() -> None:
    for card, count in ((CARD.replace(HEADING, "## Figures"), 0), (CARD + CARD, 2)):
        with pytest.raises(CardError, match=f"must occur once; it occurs {count} times"):
            replaced(card, "onion", "a")


@pytest.mark.parametrize("name", ["a --> b", "a\nb", "  <!-- a -->  ", "x" * 500, "---->", "a -- b"])
def test_a_clean_name_makes_a_marker(name: str) -> None:
    own = clean(name)
    if own:
        (block,) = blocks(replaced(CARD, own, "a"))
        assert block.name == own


def test_comments_that_are_no_markers_are_left_alone() -> None:
    card = f"<!-- a note about the numbers -->\n{CARD}"
    assert blocks(card) == [] and handwritten(card) == card
