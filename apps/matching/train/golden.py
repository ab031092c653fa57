"""Questions and model inputs from the test part, for golden rows and the parity check."""

from __future__ import annotations

import msgspec
import numpy as np
import pandas as pd

from apps.matching.schema import Availability, MatchContext, MatchQuestion
from apps.matching.serve.features import FEATURES, encode
from apps.matching.serve.tokens import VOCABULARY
from apps.matching.train.pairs import availabilities, availability_pool, requirements
from serving.kernel.tensors import Arrays

__all__ = ["golden", "parity_rows", "questions", "several"]

GOLDEN_ROWS = 32
GOLDEN_OFFERS = 8
PARITY_ROWS = 1200
PARITY_OFFERS = 4
EXTREMES = (0.0, -0.0, 1e30, -1e30, 1e-40, -1e-40, float("nan"))


def golden(test: pd.DataFrame) -> list[MatchQuestion]:
    """Return requirements spread over the test part, each with its match (if any) among other availabilities.

    All have the same number of availabilities, so a question's features do not depend on its batch.
    """
    return questions(test, GOLDEN_ROWS, GOLDEN_OFFERS)


def questions(test: pd.DataFrame, count: int, offers: int) -> list[MatchQuestion]:
    """Return `count` questions with `offers` availabilities of the test part each; requirements may repeat."""
    pool = availability_pool([test])
    rng = np.random.default_rng(7)
    order = np.argsort(-test["label"].to_numpy(), kind="stable")
    rows = test.iloc[np.resize(order, count)]
    found = []
    for requirement, own in zip(requirements(rows), availabilities(rows), strict=True):
        others = [pool[index] for index in rng.permutation(len(pool))[: offers - 1]]
        listed = [own, *others]
        numbered = tuple(
            msgspec.structs.replace(listed[place], id=f"A{number}")
            for number, place in enumerate(rng.permutation(len(listed)))
        )
        found.append(MatchQuestion(requirement=requirement, availabilities=numbered))
    return found


def several(offers: list[Availability]) -> list[Availability]:
    """Return the number of availabilities that parity needs; a small test part is repeated."""
    return [offers[place % len(offers)] for place in range(max(PARITY_ROWS, len(offers)))]


def parity_rows(test: pd.DataFrame, context: MatchContext) -> Arrays:
    """Return held-out questions, then rows with extreme and missing numbers and tokens outside the vocabulary."""
    held_out = encode(questions(test, PARITY_ROWS, PARITY_OFFERS), context)
    count = len(EXTREMES) * (1 + len(FEATURES)) + 4
    odd = {name: array[:count].copy() for name, array in held_out.items()}
    row = 0
    for value in EXTREMES:
        for column in (slice(None), *range(len(FEATURES))):
            odd["pairs"][row, :, column] = value
            row += 1
    for place, token in enumerate((0, VOCABULARY - 1, VOCABULARY, -1)):
        odd["requirement"][row + place] = token
        odd["availability"][row + place] = token
        odd["shared"][row + place] = place
    return {name: np.concatenate([array, odd[name]]) for name, array in held_out.items()}
