from __future__ import annotations

import pytest

from tests.control.lint.manifests.server.said import accepted, refused, said_of_container

VOLUMES = "volumes: [{name: v, emptyDir: {}}, {name: c, persistentVolumeClaim: {claimName: d}}]"


def _said(text: str) -> list[str]:
    return said_of_container(text, VOLUMES)


@pytest.mark.parametrize("text", accepted("mounts"))
def test_accepted(text: str) -> None:
    assert _said(text) == []


@pytest.mark.parametrize(("text", "words"), refused("mounts"))
def test_refused(text: str, words: str) -> None:
    assert any(line.startswith(words) for line in _said(text)), _said(text)
