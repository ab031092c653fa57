from __future__ import annotations

from tests.serving.added import AB, manifest
from tests.training.added.truth.test_words import FACTS
from training.added.card import card


def test_a_card_says_how_good_the_model_is_or_that_nobody_knows() -> None:
    text = card(manifest(**FACTS), AB)
    assert (
        text.index("## How good it is") < text.index("| mae | all | 1.25 | 2.5 |") < text.index("## What it takes")
    )
    assert "It is not known whether the model was trained on these rows." in text and "not judged" not in text
    plain = card(manifest(), AB)
    assert "Its answers were **not judged**" in plain and "How good" not in plain
