"""NVIDIA's tritonclient asks for statistics: HTTP address, gRPC address, model, and the version or nothing."""

from __future__ import annotations

import json
import sys

import tritonclient.grpc as over_grpc
import tritonclient.http as over_http

if __name__ == "__main__":
    http, rpc, model, version = sys.argv[1:5]
    with over_http.InferenceServerClient(http) as client:
        found = {
            "http": client.get_inference_statistics(model, version),
            "extensions": client.get_server_metadata()["extensions"],
        }
    with over_grpc.InferenceServerClient(rpc) as client:
        found["grpc"] = client.get_inference_statistics(model, version, as_json=True)
    print(json.dumps(found))
