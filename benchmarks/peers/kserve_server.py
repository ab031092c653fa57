"""KServe's Python runtime: v1 JSON and v2 binary tensors; it has no batcher in the process."""

from __future__ import annotations

from typing import Any

import kserve

from benchmarks.peers.model import PORT, Model

__all__ = ["Inference"]


class Inference(kserve.Model):
    """v1 requests get one number per row, v2 requests the model's own output."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.model = Model()
        self.ready = True

    async def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> Any:
        """One request."""
        if not isinstance(payload, kserve.InferRequest):
            return {"predictions": self.model.mean_squares({"x": payload["instances"]})}
        rows = self.model.outputs({item.name: item.as_numpy() for item in payload.inputs})
        output = kserve.InferOutput("output", list(rows.shape), "FP32")
        output.set_data_from_numpy(rows, binary_data=True)
        return kserve.InferResponse(payload.id or "", self.name, [output], use_binary_outputs=True)


if __name__ == "__main__":
    server = kserve.ModelServer(http_port=PORT, workers=1, enable_grpc=False, enable_latency_logging=False)
    server.start([Inference("m")])
