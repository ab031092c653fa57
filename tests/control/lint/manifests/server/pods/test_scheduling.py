from __future__ import annotations

import pytest

from tests.control.lint.manifests.server.said import accepted, refused, said_of_pod


@pytest.mark.parametrize("text", accepted("scheduling"))
def test_accepted(text: str) -> None:
    assert said_of_pod(text) == []


@pytest.mark.parametrize(("text", "words"), refused("scheduling"))
def test_refused(text: str, words: str) -> None:
    assert any(line.startswith(words) for line in said_of_pod(text)), said_of_pod(text)
