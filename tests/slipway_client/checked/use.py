"""A program that mypy checks with the package: what goes in and comes out has the types of the toy app.

An ignored error that is none any more is an error, so the lines with `type: ignore` must be wrong.
"""

from __future__ import annotations

from typing import Any, assert_type

import numpy as np
import pandas as pd

from slipway_client import Answers, AsyncClient, Client
from tests.slipway_client.checked.models import TOY, Answer, Explanation, Question


def ask(client: Client, question: Question, frame: pd.DataFrame) -> None:
    assert_type(client.predict(TOY, question), Answer)
    assert_type(client.predict(TOY, [question], version=1), Answers[Answer])
    assert_type(client.explain(TOY, question), Explanation)
    assert_type(client.predict(TOY, frame), pd.DataFrame)
    assert_type(client.predict("toy", frame, timeout=1.0), pd.DataFrame)
    assert_type(client.predict("toy", {"a": 1}), dict[str, Any])
    assert_type(client.predict("toy", [[1, 2]]), Answers[dict[str, Any]])
    client.predict("toy", np.ones((1, 2)))
    short: Question = {"horizon": 1}  # type: ignore[typeddict-item]
    client.predict(TOY, short)
    client.predict(TOY, "text")  # type: ignore[misc]
    client.predict(TOY, question, versio=1)  # type: ignore[call-overload]


async def wait(client: AsyncClient, question: Question) -> None:
    assert_type(await client.predict(TOY, question), Answer)
    assert_type(await client.explain(TOY, [question]), Answers[Explanation])
