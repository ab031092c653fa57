"""What the rules of the API server say about an object that is written in a few lines of YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from control.lint.manifests.server.check import check
from control.lint.manifests.server.pods.spec import pod_spec
from control.lint.manifests.strict_yaml import read

CASES = Path(__file__).parent / "cases"


def accepted(name: str) -> list[str]:
    """The cases of a file that the server accepts."""
    return list(_cases(name)["accepted"])


def refused(name: str) -> list[tuple[str, str]]:
    """The cases of a file that the server refuses, with the beginning of what it says."""
    return [(case["text"], case["words"]) for case in _cases(name)["refused"]]


def _cases(name: str) -> Any:
    return yaml.safe_load((CASES / f"{name}.yaml").read_text())


def value(text: str) -> Any:
    """The value of a text of YAML."""
    return read(text)[0].value


def said(text: str) -> list[str]:
    """`path: reason` of everything that the server refuses in an object."""
    return [f"{refusal.path}: {refusal.reason}" for refusal in check(value(text))]


def said_of_pod(text: str) -> list[str]:
    """`path: reason` of everything that the server refuses in a pod; a container is added where there is none."""
    spec = {"containers": [{"name": "a", "image": "b"}], **value("{" + text + "}")}
    return [f"{refusal.path}: {refusal.reason}" for refusal in pod_spec(spec, "")]


def said_of_container(text: str, more: str = "") -> list[str]:
    """The same for the fields of a container, and more fields of its pod."""
    found = said_of_pod(f"containers: [{{name: a, image: b, {text}}}]" + (f", {more}" if more else ""))
    return [line.removeprefix("containers[0].") for line in found]
