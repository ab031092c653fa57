"""NVIDIA's tritonclient, HTTP and gRPC. Arguments and answer as in kserve_client.py, without the instance."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import tritonclient.grpc as over_grpc
import tritonclient.http as over_http
from tritonclient.utils import InferenceServerException


def infer(module: Any, client: Any, model: str, tensor: tuple[str, int, str], **modes: Any) -> dict[str, Any]:
    name, columns, output = tensor
    values = np.arange(2 * columns, dtype=np.float32).reshape(2, columns)
    given = module.InferInput(name, [2, columns], "FP32")
    wanted = None
    if module is over_http:
        given.set_data_from_numpy(values, binary_data=modes["binary"])
        if modes["ask"]:
            wanted = [module.InferRequestedOutput(output, binary_data=modes["binary"])]
    else:
        given.set_data_from_numpy(values)
        wanted = [module.InferRequestedOutput(output)] if modes["ask"] else None
    answer = client.infer(
        model, [given], outputs=wanted, request_id="triton-1", model_version=modes.get("version", "")
    )
    head = answer.get_response()
    if module is over_grpc:
        head = {"model_name": head.model_name, "model_version": head.model_version, "id": head.id}
    values_out = np.asarray(answer.as_numpy(output), dtype=float)
    return {
        "model": head["model_name"],
        "version": head["model_version"],
        "id": head["id"],
        "values": values_out.reshape(-1).tolist(),
    }


def walk(module: Any, address: str, model: str, tensor: tuple[str, int, str]) -> dict[str, Any]:
    client = module.InferenceServerClient(address)
    plain = {} if module is over_http else {"as_json": True}
    found = {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "model_ready": client.is_model_ready(model),
        "version_ready": client.is_model_ready(model, "1"),
        "unknown_ready": client.is_model_ready("nosuch") if module is over_http else False,
        "server": client.get_server_metadata(**plain),
        "metadata": client.get_model_metadata(model, **plain),
        "index": client.get_model_repository_index(**plain),
        "binary": infer(module, client, model, tensor, binary=True, ask=True),
        "all_outputs": infer(module, client, model, tensor, binary=True, ask=False),
        "json": infer(module, client, model, tensor, binary=False, ask=True),
        "pinned": infer(module, client, model, tensor, binary=True, ask=True, version="1"),
    }
    if module is over_grpc:
        found["config"] = client.get_model_config(model, as_json=True)
    try:
        infer(module, client, "nosuch", tensor, binary=True, ask=True)
    except InferenceServerException as error:
        found["error"] = f"{error.status()}: {error.message()}"
    client.close()
    return found


if __name__ == "__main__":
    http, rpc, model, name, columns, output = sys.argv[1:7]
    tensor = (name, int(columns), output)
    answer = {"http": walk(over_http, http, model, tensor), "grpc": walk(over_grpc, rpc, model, tensor)}
    print(json.dumps(answer))
