"""KServe's own clients, in a process of their own: their stubs and tritonclient's cannot live in one.

Arguments: HTTP address, gRPC address, model, input name, number of columns, output name, instance as JSON.
Prints one JSON object of what was answered.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import numpy as np
from httpx import HTTPStatusError
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest
from kserve.inference_client import RESTConfig
from kserve.protocol.infer_type import RequestedOutput


def request(model: str, name: str, columns: int, binary: bool, output: str) -> Any:
    values = np.arange(2 * columns, dtype=np.float32).reshape(2, columns)
    tensor = InferInput(name, [2, columns], "FP32")
    tensor.set_data_from_numpy(values, binary_data=binary)
    wanted = RequestedOutput(output, {"binary_data": binary})
    return InferRequest(model, [tensor], request_id="kserve-1", request_outputs=[wanted])


def shown(answer: Any) -> dict[str, Any]:
    output = answer.outputs[0]
    return {
        "model": answer.model_name,
        "version": answer.model_version,
        "id": answer.id,
        "output": output.name,
        "values": np.asarray(output.as_numpy(), dtype=float).reshape(-1).tolist(),
    }


async def over_http(base: str, model: str, instance: Any, tensor: tuple[str, int, str]) -> dict[str, Any]:
    v1 = InferenceRESTClient(RESTConfig(protocol="v1"))
    v2 = InferenceRESTClient(RESTConfig(protocol="v2"))
    name, columns, output = tensor
    found = {
        "v1_live": await v1.is_server_live(base),
        "v1_ready": await v1.is_model_ready(base, model),
        "v1_predict": await v1.infer(base, {"instances": [instance]}, model_name=model),
        "v1_explain": await v1.explain(base, model, {"instances": [instance]}),
        "v2_live": await v2.is_server_live(base),
        "v2_ready": await v2.is_server_ready(base),
        "v2_model_ready": await v2.is_model_ready(base, model),
        "v2_json": shown(await v2.infer(base, request(model, name, columns, False, output), model_name=model)),
        "v2_binary": shown(await v2.infer(base, request(model, name, columns, True, output), model_name=model)),
    }
    try:
        await v1.infer(base, {"instances": []}, model_name=model)
    except HTTPStatusError as error:
        found["v1_error"] = str(error)
    try:
        await v2.infer(base, {"inputs": []}, model_name=model)
    except HTTPStatusError as error:
        found["v2_error"] = str(error)
    await v1.close()
    await v2.close()
    return found


async def over_grpc(address: str, model: str, tensor: tuple[str, int, str]) -> dict[str, Any]:
    name, columns, output = tensor
    async with InferenceGRPCClient(address) as client:
        found = {
            "live": await client.is_server_live(),
            "ready": await client.is_server_ready(),
            "model_ready": await client.is_model_ready(model),
            "typed": shown(await client.infer(request(model, name, columns, False, output))),
            "raw": shown(await client.infer(request(model, name, columns, True, output))),
            "unknown_ready": await client.is_model_ready("nosuch"),
        }
    return found


async def main(http: str, rpc: str, model: str, name: str, columns: str, output: str, instance: str) -> None:
    tensor = (name, int(columns), output)
    answer = await over_http(f"http://{http}", model, json.loads(instance), tensor)
    answer["grpc"] = await over_grpc(rpc, model, tensor)
    print(json.dumps(answer))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
