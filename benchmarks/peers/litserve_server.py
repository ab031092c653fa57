"""LitServe: one API server, one worker, batches.

It reads the annotations of two methods and takes any other types than FastAPI's own for schemas to check bodies
against, so these two say `Request` and `Response` where plain JSON is passed.
"""

from typing import Any, cast

import litserve
from fastapi import Request, Response

from benchmarks.peers.model import BATCH, PORT, WAIT_SECONDS, Model, Record

__all__ = ["Inference"]


class Inference(litserve.LitAPI):
    """JSON in, number out."""

    def setup(self, device: str) -> None:
        """Open the model in the worker."""
        self.model = Model()

    def decode_request(self, request: Request) -> Any:
        """The body, read already."""
        return request

    def batch(self, inputs: list[Record]) -> list[Record]:
        """Joined by the model's helper."""
        return inputs

    def predict(self, x: list[Record]) -> list[float]:
        """One batch."""
        return self.model.errors(x)

    def unbatch(self, output: list[float]) -> list[float]:
        """One number each."""
        return output

    def encode_response(self, output: Any) -> Response:
        """The answer's body."""
        return cast(Response, {"e": output})


if __name__ == "__main__":
    server = litserve.LitServer(
        Inference(max_batch_size=BATCH, batch_timeout=WAIT_SECONDS),
        accelerator="cpu",
        workers_per_device=1,
        fast_queue=True,
        disable_openapi_url=True,
    )
    server.run(
        host="127.0.0.1",
        port=PORT,
        num_api_servers=1,
        log_level="warning",
        access_log=False,
        generate_client_file=False,
    )
