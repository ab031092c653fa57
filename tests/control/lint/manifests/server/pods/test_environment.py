from __future__ import annotations

import pytest

from tests.control.lint.manifests.server.said import accepted, refused, said_of_container


@pytest.mark.parametrize("text", accepted("environment"))
def test_accepted(text: str) -> None:
    assert said_of_container(text) == []


@pytest.mark.parametrize(("text", "words"), refused("environment"))
def test_refused(text: str, words: str) -> None:
    assert any(line.startswith(words) for line in said_of_container(text)), said_of_container(text)
