"""BentoML with adaptive batching; access log, metrics and tracing off."""

from __future__ import annotations

import bentoml

from benchmarks.peers.model import BATCH, Model

__all__ = ["Service"]


@bentoml.service(
    workers=1,
    traffic={"timeout": 60},
    logging={"access": {"enabled": False}},
    metrics={"enabled": False},
    tracing={"sample_rate": 0.0},
)
class Service:
    """One worker."""

    def __init__(self) -> None:
        self.model = Model()

    @bentoml.api(batchable=True, max_batch_size=BATCH, max_latency_ms=1000, route="/predict")
    async def predict(self, x: list[list[float]]) -> list[float]:
        """Rows in, numbers out."""
        return self.model.mean_squares({"x": x})
