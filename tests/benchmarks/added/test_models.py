from __future__ import annotations

from pathlib import Path

from benchmarks.added.models import COLUMNS, LABELS, publish, write_onnx
from serving.kernel.added.find import find_added
from serving.kernel.storage.model_repository import Repository


def test_each_model_is_verified_and_has_weights_of_its_own(tmp_path: Path) -> None:
    root = tmp_path / "models"
    (root / "left").mkdir(parents=True)
    assert publish(root, 2) == ("small0000", "small0001")
    repository = Repository(root)
    assert repository.models() == ["small0000", "small0001"], "what was there is gone"
    digests = set()
    for name in repository.models():
        manifest = repository.verify(name, 1)
        digests.add(manifest.files["model.onnx"].sha256)
        assert manifest.feature_names == COLUMNS and manifest.parity
        app = find_added(root, name)
        assert app is not None and repository.aliases(name).champion == 1
        assert all(label.encode() in bytes(repository.golden(name, 1)[0].answer) for label in LABELS)
    assert len(digests) == 2


def test_a_seed_always_makes_the_same_file(tmp_path: Path) -> None:
    first, again, other = (write_onnx(tmp_path / str(index), seed) for index, seed in enumerate((1, 1, 2)))
    assert first.read_bytes() == again.read_bytes() != other.read_bytes()
