"""mosec: a Rust front, one Python worker. `BENCH_BATCH=1` is its mode without batching."""

from __future__ import annotations

from typing import Any

import orjson
from mosec import Server, Worker

from benchmarks.peers.model import BATCH, WAIT_SECONDS, Model, Record

__all__ = ["Inference"]


class Inference(Worker):
    """JSON in, number out."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()

    def deserialize(self, data: bytes) -> Record:
        """One request's body."""
        record: Record = orjson.loads(data)
        return record

    def forward(self, data: Any) -> Any:
        """A list of records, or one record where mosec does not batch."""
        return self.model.errors([data])[0] if BATCH == 1 else self.model.errors(data)

    def serialize(self, data: float) -> bytes:
        """One answer's body."""
        return b'{"e":%.9g}' % data


if __name__ == "__main__":
    server = Server()
    wait_ms = max(1, round(WAIT_SECONDS * 1e3))
    server.append_worker(Inference, num=1, max_batch_size=BATCH, max_wait_time=wait_ms, route="/predict")
    server.run()
