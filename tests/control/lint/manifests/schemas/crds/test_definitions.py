from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from control.errors import ManifestError
from control.lint.manifests.schemas.crds.definitions import key_of, load

BODY = {"apiVersion": "example.org/v1", "kind": "Thing"}


def definition(*versions: tuple[str, bool]) -> dict[str, Any]:
    served = [
        {"name": name, "served": yes, "schema": {"openAPIV3Schema": {"type": "object"}}} for name, yes in versions
    ]
    names = {"kind": "Thing"}
    spec = {"group": "example.org", "scope": "Namespaced", "names": names, "versions": served}
    return {"kind": "CustomResourceDefinition", "spec": spec}


def write(path: Path, body: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(body))


def test_served_versions_and_older_releases(tmp_path: Path) -> None:
    write(tmp_path / "things" / "a.json", definition(("v1", True), ("v1beta1", True), ("v0", False)))
    write(tmp_path / "things-1.2.0" / "a.json", definition(("v1", True)))
    write(tmp_path / "other.json", {"kind": "Something"})
    found = load(tmp_path)
    known = found.find(BODY)
    assert known is not None and (known.operator, known.release, known.namespaced) == ("things", "", True)
    assert found.served(BODY) == ["v1", "v1beta1"]
    assert [old.release for old in found.before(BODY)] == ["1.2.0"]
    assert found.find({**BODY, "apiVersion": "example.org/v0"}) is None and found.before({"kind": "X"}) == []


def test_what_is_no_folder_of_definitions(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="SLIPWAY_SCHEMAS: .* is not a folder"):
        load(tmp_path / "nowhere")
    with pytest.raises(ManifestError, match="no CustomResourceDefinition below"):
        load(tmp_path)
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ManifestError, match=r"bad\.json is not JSON"):
        load(tmp_path)


def test_keys() -> None:
    assert key_of({"apiVersion": "v1", "kind": "Pod"}) == ("", "v1", "Pod")
    assert key_of(BODY) == ("example.org", "v1", "Thing") and key_of({}) == ("", "", "")
