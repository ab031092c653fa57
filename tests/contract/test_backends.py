"""The same cases through all three backends behind the seam: the same answers within the app's tolerance."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from serving.kernel.settings import Settings
from serving.kernel.tensors import Arrays
from serving.models.backends.factory import Backends
from serving.models.batching.batch_kinds import TensorBatches
from serving.observe.metrics import Metrics
from tests.trained import AnyApp, Trained, call
from training.onnx import triton

pytestmark = pytest.mark.slow

KINDS = ("fused", "triton", "replica")
PARTS = (1, 2, 7)
"""Rows per call; the rest of the rows go in one call more."""


@pytest.fixture(scope="module")
def triton_url(request: pytest.FixtureRequest, trained: Trained) -> Iterator[str]:
    """One Triton that serves every app asked here: each start of one opens all models there are."""
    for item in request.session.items:
        if item.path == request.path:
            trained.version(item.callspec.params["app"])  # type: ignore[attr-defined]
    with triton.running(trained.repository.root) as url:
        yield url


@pytest.fixture(scope="module")
def serve(triton_url: str, ray: None) -> Iterator[None]:
    """Ray with Serve and no proxies, on loopback."""
    from ray import serve

    serve.start(proxy_location="Disabled")
    yield
    serve.shutdown()


def cases(app: AnyApp, trained: Trained, version: int) -> Arrays:
    """Golden questions, the example, and rows of zeros and NaN."""
    manifest = trained.repository.manifest(app.name, version)
    context = msgspec.json.decode(manifest.context, type=app.context)
    rows = trained.repository.golden(app.name, version)
    questions = [msgspec.json.decode(row.question, type=app.question) for row in rows]
    arrays = app.features([*questions, app.example], context)
    odd = {name: np.zeros_like(array[:2]) for name, array in arrays.items()}
    for array in odd.values():
        if array.dtype.kind == "f":
            array[1] = np.nan
    return {name: np.concatenate([array, odd[name]]) for name, array in arrays.items()}


async def ask(app: AnyApp, trained: Trained, settings: Settings, handle: Any, inputs: Arrays) -> Arrays:
    """The outputs of one backend, asked in several calls at once."""
    backends = Backends(settings, trained.repository, Metrics(), {app.name: handle})
    backend = await backends.open(app, trained.repository.manifest(app.name, trained.version(app)))
    kind = TensorBatches(app.inputs, app.outputs)
    ends = np.cumsum(PARTS)
    split = {name: np.split(array, ends) for name, array in inputs.items()}
    parts = [{name: arrays[index] for name, arrays in split.items()} for index in range(len(PARTS) + 1)]
    try:
        answers = await asyncio.gather(*(backend.submit(kind, part, call()) for part in parts))
    finally:
        await backend.close()
        await backends.close()
    return {spec.name: np.concatenate([answer[spec.name] for answer in answers]) for spec in app.outputs}


def deploy(app: AnyApp, settings: Settings) -> Any:
    from ray import serve

    from serving.models.backends.replica import ModelReplica

    deployment = serve.deployment(ModelReplica, name=f"model-{app.name}", ray_actor_options={"num_cpus": 0.1})
    return serve.run(deployment.bind(app.name, settings), name=app.name, route_prefix=None)


@pytest.mark.timeout(1800)
def test_all_backends_give_the_same_answers(app: AnyApp, trained: Trained, triton_url: str, serve: None) -> None:
    version = trained.version(app)
    inputs = cases(app, trained, version)
    root = trained.repository.root
    shared = Settings(home=trained.folder / "home", model_repository=root, triton_url=triton_url)
    settings = {kind: replace(shared, backend=kind) for kind in KINDS}
    handle = deploy(app, settings["replica"])
    outputs = {kind: asyncio.run(ask(app, trained, settings[kind], handle, inputs)) for kind in KINDS}
    for kind in KINDS:
        for spec in app.outputs:
            found, wanted = outputs[kind][spec.name], outputs["fused"][spec.name]
            assert found.shape == wanted.shape
            assert found.dtype == wanted.dtype
            np.testing.assert_allclose(found, wanted, rtol=0, atol=app.tolerance, equal_nan=True, err_msg=kind)
