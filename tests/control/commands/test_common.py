from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from control.commands.common import note_unjudged
from serving.kernel.storage.version_files import encode_manifest
from serving.kernel.storage.version_manifest import Check
from tests.serving import toy
from tests.serving.added import NAME, manifest, write_version


def test_only_added_versions_without_a_gate_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_version(tmp_path, 1)
    second = write_version(tmp_path, 2)
    gate = (Check(name="beats it", passed=True, measured="", required=""),)
    (second / "manifest.json").write_bytes(
        encode_manifest(msgspec.structs.replace(manifest(), version=2, gate=gate))
    )
    toy.write_version(tmp_path, 1)
    for name, version in ((NAME, 2), (NAME, 3), ("toy", 1), ("nosuch", 1)):
        note_unjudged(tmp_path, name, version)
    assert capsys.readouterr().err == ""
    note_unjudged(tmp_path, NAME, 1)
    assert capsys.readouterr().err == f"{NAME} version 1 was not judged against known answers.\n"
