"""What most teams write: FastAPI, pydantic, and ONNX Runtime called straight from an async handler."""

from __future__ import annotations

from fastapi import FastAPI
from pydantic import BaseModel

from benchmarks.peers.model import Model

__all__ = ["app"]

model = Model()
app = FastAPI()


class Row(BaseModel):
    """One row of the tabular models."""

    x: list[float]


class Tokens(BaseModel):
    """One text of the sentence embedder."""

    ids: list[int]
    mask: list[int]


class Error(BaseModel):
    """The mean of the squares of the output row."""

    e: float


@app.post("/predict")
async def predict(row: Row) -> Error:
    """One row, no batching: in this setting it is the faster of the two handlers FastAPI knows."""
    return Error(e=model.errors([{"x": row.x}])[0])


@app.post("/embed")
async def embed(row: Tokens) -> Error:
    """One text."""
    return Error(e=model.errors([{"ids": row.ids, "mask": row.mask}])[0])
