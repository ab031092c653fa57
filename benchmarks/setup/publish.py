"""Puts the benchmark's models where Slipway and where Triton look for them."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from benchmarks.apps.answer import Nothing
from benchmarks.setup.models import app_of, sample
from benchmarks.setup.place import ROOT, BenchmarkError, Place
from benchmarks.setup.servers import clean_environment
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.version_files import Refused
from serving.kernel.storage.version_manifest import MODEL_NAME, Aliases, Manifest, digest_file
from serving.kernel.tensors import TensorSpec
from serving.models.loader import check_signature
from training.onnx.parity import onnx_model
from training.publish import repository, servable
from training.recipe import Fitted
from training.registry.provenance import git_commit, libraries

__all__ = ["for_slipway", "for_triton", "trained", "triton_config"]

GOLDEN_ROWS = 8
BATCHES = {"rows": 1024, "errors": 64}
"""What Triton's models answer -> rows they may join: requests of 64 rows are faster joined than one by one."""
TRAIN_SECONDS = 900
VERSION = 1


def for_slipway(name: str, model: Path, place: Place) -> None:
    """Publish a model as version 1 of its app, unless that very file is there already."""
    app, root = app_of(name), place.repository
    target = root / name / str(VERSION)
    if _is_published(name, model, root):
        return
    shutil.rmtree(target, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as scratch:
        folder = Path(scratch)
        shutil.copyfile(model, folder / MODEL_NAME)
        fitted = Fitted(predict=onnx_model(model), context=Nothing(), files={}, params={})
        arrays = sample(name, GOLDEN_ROWS)
        records = [{key: value[row].tolist() for key, value in arrays.items()} for row in range(GOLDEN_ROWS)]
        questions = [msgspec.convert(record, app.question) for record in records]
        servable.write_golden(folder, app, questions, fitted)
        servable.seal(folder, _manifest(name))
        repository.publish(folder, root, name, VERSION)
    repository.write_config(root, app)
    repository.set_aliases(root, name, Aliases(champion=VERSION))


def trained(name: str, place: Place, say: Callable[[str], None]) -> None:
    """Train an app on its synthetic data, unless a version that fits today's code is there.

    Raises `BenchmarkError` with the end of the command's output.
    """
    app, found = app_of(name), Repository(place.repository)
    for version in found.versions(app.name):
        try:
            check_signature(app, found.manifest(app.name, version))
        except Refused:
            continue
        return
    say(f"training the {name} app on its synthetic data")
    environment = clean_environment() | {
        "SLIPWAY_HOME": str(place.folder("training")),
        "SLIPWAY_MODEL_REPOSITORY": str(place.repository),
    }
    command = [sys.executable, "-m", "control", "train", name, "--promote"]
    done = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=TRAIN_SECONDS, check=False
    )
    if done.returncode:
        raise BenchmarkError(f"slipway train {name} failed:\n{done.stderr[-2000:]}")


def for_triton(name: str, model: Path, place: Place, threads: int) -> None:
    """Two models: `<name>` answers its output rows, `<name>_errors` one number per row, as the other peers do."""
    source = Path(__file__).parents[1] / "peers" / "triton_model.py"
    for answer in ("rows", "errors"):
        folder = place.triton / (name if answer == "rows" else f"{name}_errors")
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "1").mkdir(parents=True)
        shutil.copyfile(model, folder / "1" / "model.onnx")
        shutil.copyfile(source, folder / "1" / "model.py")
        (folder / "config.pbtxt").write_text(triton_config(name, answer, threads))


def triton_config(name: str, answer: str, threads: int) -> str:
    """Batches as they come, without waiting: a queue delay costs just that with one client and gains little."""
    app = app_of(name)
    (made,) = app.outputs
    output = made if answer == "rows" else TensorSpec("e", "FP32", (-1, 1))
    return "\n".join(
        [
            f'name: "{name if answer == "rows" else f"{name}_errors"}"',
            'backend: "python"',
            f"max_batch_size: {BATCHES[answer]}",
            *(f"input {_tensor(spec)}" for spec in app.inputs),
            f"output {_tensor(output)}",
            "instance_group { count: 1 kind: KIND_CPU }",
            "dynamic_batching { max_queue_delay_microseconds: 0 }",
            *(
                f'parameters {{ key: "{key}" value {{ string_value: "{value}" }} }}'
                for key, value in (("threads", threads), ("answer", answer))
            ),
            "",
        ]
    )


def _tensor(spec: TensorSpec) -> str:
    dims = ", ".join(map(str, spec.shape[1:]))
    return f'{{ name: "{spec.name}" data_type: TYPE_{spec.datatype} dims: [ {dims} ] }}'


def _is_published(name: str, model: Path, root: Path) -> bool:
    found = Repository(root)
    try:
        manifest = found.verify(name, VERSION)
        check_signature(app_of(name), manifest)
    except Refused:
        return False
    return manifest.files[MODEL_NAME] == digest_file(model)


def _manifest(name: str) -> Manifest:
    app = app_of(name)
    return Manifest(
        model=name,
        version=servable.UNNUMBERED,
        created="2026-01-01T00:00:00Z",
        run_id="benchmark",
        git_commit=git_commit(),
        synthetic=True,
        source="benchmarks/setup/models.py",
        inputs=app.inputs,
        outputs=app.outputs,
        feature_names=app.feature_names,
        libraries=libraries(),
    )
