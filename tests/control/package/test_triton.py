from __future__ import annotations

import asyncio
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as client

from control.package.archive import SUMS
from control.package.chosen import Chosen, choose
from control.package.triton import write
from serving.kernel.app_values import Batching
from serving.kernel.call import Call
from serving.kernel.tensors import Arrays
from serving.models.backends.onnx_local import open_fused
from serving.models.batching.batch_kinds import TensorBatches
from tests.serving.models.tritons import Server
from tests.trained import call


def unpack(archive: Path, place: Path) -> Path:
    with tarfile.open(archive) as content:
        content.extractall(place, filter="data")
    (folder,) = place.iterdir()
    return folder


def test_the_archive_holds_the_version_and_says_what_it_is(chosen: Chosen, tmp_path: Path) -> None:
    made = write(chosen, tmp_path / "out")
    assert made.path == tmp_path / "out" / "basket-2-triton.tar.gz"
    assert made.bytes == made.path.stat().st_size
    folder = unpack(made.path, tmp_path / "unpacked")
    assert subprocess.run(["sha256sum", "--check", "--quiet", SUMS], cwd=folder).returncode == 0
    inside = folder / "model-repository" / "basket"
    assert {path.relative_to(inside).as_posix() for path in inside.rglob("*") if path.is_file()} == {
        "config.pbtxt",
        "2/manifest.json",
        "2/model.onnx",
        "2/golden.jsonl",
    }
    assert choose(folder / "model-repository", chosen.package).manifest == chosen.manifest
    readme = (folder / "README.md").read_text()
    assert "tritonserver --model-repository=$PWD/model-repository" in readme
    assert "`features` FP32 [-1, 2]" in readme and "$$" not in readme
    assert made.commands[0].endswith("sha256sum --check --quiet SHA256SUMS")


def test_the_same_version_gives_the_same_bytes(chosen: Chosen, tmp_path: Path) -> None:
    first, second = (write(chosen, tmp_path / name).path.read_bytes() for name in ("one", "two"))
    assert first == second
    assert write(chosen, tmp_path / "one").path.read_bytes() == first


@pytest.mark.slow
def test_a_triton_answers_from_it_as_the_gateway_does(chosen: Chosen, tmp_path: Path) -> None:
    folder = unpack(write(chosen, tmp_path).path, tmp_path / "unpacked")
    rows = np.random.default_rng(7).normal(size=(33, 2)).astype(np.float32)

    async def fused() -> Arrays:
        backend = open_fused(chosen.folder / "model.onnx", chosen.app.inputs, Batching())
        try:
            asked: Call = call()
            answer: Arrays = await backend.submit(
                TensorBatches(chosen.app.inputs, chosen.app.outputs, ()), {"features": rows}, asked
            )
            return answer
        finally:
            await backend.close()

    wanted = asyncio.run(fused())
    server = Server(folder / "model-repository", tmp_path)
    server.start()
    try:
        with client.InferenceServerClient(server.url) as connection:
            tensor = client.InferInput("features", list(rows.shape), "FP32")
            tensor.set_data_from_numpy(rows)
            found = connection.infer("basket", [tensor], model_version="2", client_timeout=60)
    finally:
        server.stop()
    np.testing.assert_array_equal(found.as_numpy("total"), wanted["total"])
