from __future__ import annotations

from apps.matching.train.data import tidy
from apps.matching.train.synthetic import CHOICES, REQUIREMENTS, generate
from training.recipe import RecipeOptions


def test_the_same_seed_gives_the_same_table() -> None:
    assert generate(5).equals(generate(5))
    assert not generate(5).equals(generate(6))


def test_it_is_a_table_the_recipe_reads() -> None:
    raw = generate(5)
    table = tidy(raw, RecipeOptions())
    assert len(raw) == REQUIREMENTS * CHOICES
    assert len(table) > 0.99 * len(raw)
    assert 0.08 < table["label"].mean() < 0.2
    assert table["availability_quality"].isna().any()
