"""What a recipe with parameters to tune holds: its rows can be cut once more, its fit asks for the parameters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.trained import AnyApp, Trained
from training.find_recipe import find
from training.fit.trainer import Trainer
from training.tune.search import check_space, nested


class Asked(Exception):
    """The fit has asked for its parameters."""


class Probe(Trainer):
    """Stops a fit where it asks for its parameters."""

    def tuned(self, defaults: Mapping[str, Any]) -> dict[str, Any]:
        raise Asked(dict(defaults))


@pytest.mark.slow
def test_a_search_can_be_made_and_never_sees_the_test_part(app: AnyApp, trained: Trained, tmp_path: Path) -> None:
    recipe = find(app.name)
    if not recipe.space():
        assert not recipe.defaults
        return
    check_space(recipe)
    assert 3 <= len(recipe.defaults) <= 8
    tidy = trained.tidy(app)
    parts = recipe.split(tidy)
    inner = nested(recipe, tidy, parts)
    for part in (inner.train, inner.validation, inner.test):
        assert len(part) >= 50
    hidden = _rows(parts.test)
    assert not any(hidden & _rows(part) for part in (inner.train, inner.validation))
    with pytest.raises(Asked) as asked:
        recipe.fit(inner, Probe(1, 7, tmp_path))
    assert asked.value.args[0] == dict(recipe.defaults)


def _rows(part: pd.DataFrame) -> set[str]:
    return {repr(row) for row in part.itertuples(index=False, name=None)}
