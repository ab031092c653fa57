"""Ray Serve itself: `python -m benchmarks.peers.ray_serve fastapi|raw`. Ray's switches come by its own variables.

fastapi  FastAPI in front of `serve.batch`: what Ray's documentation shows
raw      the ASGI application of `rawasgi`, logs off

Annotations are not postponed: FastAPI has to read those of a class that Ray has pickled.
"""

import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

import ray
from fastapi import FastAPI
from pydantic import BaseModel
from ray import serve

from benchmarks.peers.model import BATCH, PORT, WAIT_SECONDS, Model, Record

__all__ = ["main"]

ONGOING = 1024
"""Requests a replica may hold; Ray's default of 5 would keep batches small."""
api = FastAPI()


class Row(BaseModel):
    """One row."""

    x: list[float]


@serve.deployment(max_ongoing_requests=ONGOING, ray_actor_options={"num_cpus": 1})
@serve.ingress(api)
class Batched:
    """FastAPI and `serve.batch`."""

    def __init__(self) -> None:
        self.model = Model()

    @serve.batch(max_batch_size=BATCH, batch_wait_timeout_s=WAIT_SECONDS)
    async def errors(self, records: list[Record]) -> list[float]:
        """One batch."""
        return self.model.errors(records)

    @api.post("/predict")
    async def predict(self, row: Row) -> dict[str, float]:
        """One row."""
        return {"e": await self.errors({"x": row.x})}


def build_raw() -> Any:
    """The bare application, imported where it runs."""
    from benchmarks.peers.rawasgi import app

    return app


@serve.deployment(max_ongoing_requests=ONGOING, ray_actor_options={"num_cpus": 1})
@serve.ingress(build_raw)
class Raw:
    """A bare ASGI application."""


def main(kind: str) -> None:
    """Serve until SIGTERM."""
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    ray.init(
        address="local",
        num_cpus=4,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=256 * 2**20,
        _temp_dir=os.environ["BENCH_RAY_FOLDER"],
    )
    quiet: Any = {"enable_access_log": False, "log_level": "ERROR"}
    serve.start(http_options={"host": "127.0.0.1", "port": PORT}, logging_config=quiet)
    application: Any = Raw if kind == "raw" else Batched
    serve.run(application.bind(), logging_config=quiet)
    signal.signal(signal.SIGTERM, stop)
    stopping.wait()
    serve.shutdown()
    ray.shutdown()


if __name__ == "__main__":
    main(sys.argv[1])
