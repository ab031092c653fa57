from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.version_files import (
    Refused,
    decode_aliases,
    decode_context,
    decode_golden,
    decode_manifest,
    digest_folder,
    encode_aliases,
    encode_golden,
    encode_manifest,
    read_manifest,
    verify_folder,
)
from serving.kernel.storage.version_manifest import Aliases, GoldenRow, Manifest, digest_file


class Context(msgspec.Struct):
    shift: int


def manifest(context: bytes = b'{"shift":2}') -> Manifest:
    return Manifest(
        model="price",
        version=3,
        created="2026-01-01T00:00:00Z",
        run_id="r",
        inputs=(),
        outputs=(),
        feature_names=("a",),
        context=msgspec.Raw(context),
    )


def test_a_manifest_survives_the_round_trip() -> None:
    assert encode_manifest(decode_manifest(encode_manifest(manifest()))) == encode_manifest(manifest())
    assert decode_manifest(encode_manifest(manifest()), "price", 3).feature_names == ("a",)


def test_a_manifest_of_another_version_is_refused() -> None:
    with pytest.raises(Refused, match=r"^manifest\.json is of price version 3$"):
        decode_manifest(encode_manifest(manifest()), "price", 2)


def test_the_context_is_typed_by_the_app() -> None:
    assert decode_context(manifest(), Context) == Context(2)
    with pytest.raises(Refused, match=r"^manifest\.json: context: Expected `int`, got `str` - at `\$\.shift`$"):
        decode_context(manifest(b'{"shift":"far"}'), Context)


def test_aliases_survive_the_round_trip_and_may_be_absent() -> None:
    assert decode_aliases(encode_aliases(Aliases(2, 3))) == Aliases(2, 3)
    assert decode_aliases(None) == Aliases()


def test_golden_rows_survive_the_round_trip() -> None:
    rows = [GoldenRow(msgspec.Raw(b"{}"), {"x": [1.0, None]}, {"y": [0.5]}, msgspec.Raw(b"[]"))] * 2
    read = decode_golden(encode_golden(rows))
    assert [(row.features, row.outputs) for row in read] == [({"x": [1.0, None]}, {"y": [0.5]})] * 2


@pytest.mark.parametrize(
    ("decode", "name"),
    [(decode_manifest, "manifest.json"), (decode_aliases, "aliases.json"), (decode_golden, "golden.jsonl")],
)
def test_what_cannot_be_read_is_refused_by_name(decode: object, name: str) -> None:
    for content in (b"{", b"[]", b'"text"'):
        with pytest.raises(Refused, match=f"^{name}: "):
            decode(content)  # type: ignore[operator]


@pytest.mark.parametrize("name", ["model.onnx", "manifest.json", "report"])
def test_a_link_is_refused_whatever_is_behind_it(tmp_path: Path, name: str) -> None:
    folder, elsewhere = tmp_path / "version", tmp_path / "elsewhere"
    (folder / "report").mkdir(parents=True)
    for each in ("model.onnx", "report/gate.json"):
        (folder / each).write_bytes(b"1")
    sealed = msgspec.structs.replace(manifest(), files=digest_folder(folder))
    (folder / "manifest.json").write_bytes(encode_manifest(sealed))
    verify_folder(folder, sealed)
    (folder / name).rename(elsewhere)
    (folder / name).symlink_to(elsewhere)
    with pytest.raises(Refused, match=f"^{name} is a symbolic link; a version must hold its files itself$"):
        verify_folder(folder, sealed)


def test_what_is_no_file_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    sealed = msgspec.structs.replace(manifest(), files={})
    os.mkfifo(tmp_path / "model.onnx")
    with pytest.raises(Refused, match=r"^model\.onnx is not a regular file$"):
        verify_folder(tmp_path, sealed)


@pytest.mark.parametrize("kind", ["endless", "pipe", "folder", "huge"])
def test_a_file_without_an_end_is_refused_before_it_is_read(tmp_path: Path, kind: str) -> None:
    """A link to a device would fill the memory, and a pipe would hold the watch for ever."""
    repository, folder = Repository(tmp_path), tmp_path / "price" / "3"
    folder.mkdir(parents=True)
    for path in (folder / "manifest.json", folder / "golden.jsonl", folder.parent / "aliases.json"):
        if kind == "endless":
            path.symlink_to("/dev/zero")
        elif kind == "pipe":
            os.mkfifo(path)
        elif kind == "folder":
            path.mkdir()
        else:
            path.touch()
            os.truncate(path, 2**40)
    for read, name in (
        (lambda: repository.manifest("price", 3), "manifest.json"),
        (lambda: repository.golden("price", 3), "golden.jsonl"),
        (lambda: repository.aliases("price"), "aliases.json"),
    ):
        with pytest.raises(Refused, match=f"^{name}"):
            read()


def test_a_file_that_was_blown_up_is_not_read_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"1")
    sealed = msgspec.structs.replace(manifest(), files=digest_folder(tmp_path))
    os.truncate(tmp_path / "model.onnx", 2**40)
    with pytest.raises(Refused, match=r"^model\.onnx has 1099511627776 bytes, published were 1$"):
        verify_folder(tmp_path, sealed)


def test_a_folder_is_read_and_verified(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"^manifest\.json: .*there is no such file"):
        read_manifest(tmp_path)
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "gate.json").write_bytes(b"[]")
    sealed = msgspec.structs.replace(manifest(), files=digest_folder(tmp_path))
    (tmp_path / "manifest.json").write_bytes(encode_manifest(sealed))
    assert read_manifest(tmp_path, "price", 3).files == {
        "report/gate.json": digest_file(tmp_path / "report" / "gate.json")
    }
    verify_folder(tmp_path, sealed)
    (tmp_path / "report" / "gate.json").write_bytes(b"{}")
    with pytest.raises(Refused, match=r"^report/gate\.json: sha256 is"):
        verify_folder(tmp_path, sealed)
