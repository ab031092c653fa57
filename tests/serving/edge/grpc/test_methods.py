from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tritonclient.grpc import model_config_pb2 as config
from tritonclient.grpc import service_pb2 as pb

from serving.edge.codec.datatypes import DATATYPES
from serving.edge.grpc.methods import InferenceMethods
from serving.edge.request_life import RequestFactory
from serving.kernel.errors import NotFound
from serving.kernel.settings import Settings
from tests.serving.edge.toy import ToyPlane

METHODS = InferenceMethods(ToyPlane())


def run(name: str, message: Any) -> Any:
    request = RequestFactory(Settings()).grpc(name, f"/inference/{name}", {}, "", 5.0)
    return asyncio.run(METHODS.table()[name](message, request))  # type: ignore[arg-type]


def test_metadata_names_every_datatype() -> None:
    found = run("ModelMetadata", pb.ModelMetadataRequest(name="every"))
    assert [tensor.datatype for tensor in found.inputs] == list(DATATYPES)
    assert (list(found.versions), found.platform) == (["1", "2", "3"], "python")


def test_config_is_tritons() -> None:
    found = run("ModelConfig", pb.ModelConfigRequest(name="every")).config
    kinds = {tensor.name: config.DataType.Name(tensor.data_type) for tensor in found.input}
    assert kinds["in_BYTES"] == "TYPE_STRING" and kinds["in_BF16"] == "TYPE_BF16"
    assert found.input[0].dims == [2] and found.max_batch_size == 4096


def test_index() -> None:
    found = run("RepositoryIndex", pb.RepositoryIndexRequest())
    assert [(entry.version, entry.state) for entry in found.models] == [("3", "READY"), ("4", "UNAVAILABLE")]
    assert len(run("RepositoryIndex", pb.RepositoryIndexRequest(ready=True)).models) == 1


def test_server() -> None:
    found = run("ServerMetadata", pb.ServerMetadataRequest())
    assert found.name == "slipway" and list(found.extensions) == ["model_configuration", "statistics"]


@pytest.mark.parametrize("name", ["nosuch", ""])
def test_an_unknown_model_is_not_ready_and_has_no_metadata(name: str) -> None:
    assert not run("ModelReady", pb.ModelReadyRequest(name=name)).ready
    with pytest.raises(NotFound):
        run("ModelMetadata", pb.ModelMetadataRequest(name=name))


def test_an_unknown_version_is_not_ready() -> None:
    assert run("ModelReady", pb.ModelReadyRequest(name="toy", version="3")).ready
    assert not run("ModelReady", pb.ModelReadyRequest(name="toy", version="9")).ready
