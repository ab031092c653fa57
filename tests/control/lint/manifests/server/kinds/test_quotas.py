from __future__ import annotations

import pytest

from tests.control.lint.manifests.server.said import accepted, refused, said


@pytest.mark.parametrize("text", accepted("quotas"))
def test_accepted(text: str) -> None:
    assert said(text) == []


@pytest.mark.parametrize(("text", "words"), refused("quotas"))
def test_refused(text: str, words: str) -> None:
    assert any(line.startswith(words) for line in said(text)), said(text)
