"""Triton's statistics extension: JSON over HTTP, a message over gRPC.

Figures that are not measured are left out, and not zero: a batch is timed as a whole, so `compute_infer` includes
the joining of its rows and the splitting of its results. There is no `compute_input` and no `compute_output`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from serving.observe.statistics import Duration, VersionStatistics

__all__ = ["SCHEMA", "model_statistics"]

COUNT = {"type": "integer", "minimum": 0}
DURATION = {"type": "object", "required": ["count", "ns"], "properties": {"count": COUNT, "ns": COUNT}}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


SCHEMA = _object(
    {
        "model_stats": {
            "type": "array",
            "description": "Of the process that answers, since it loaded the version.",
            "items": _object(
                {
                    "name": {"type": "string"},
                    "version": {"type": "string"},
                    "last_inference": {**COUNT, "description": "Milliseconds since 1970; 0: there was none."},
                    "inference_count": {**COUNT, "description": "Rows of the requests that succeeded."},
                    "execution_count": {**COUNT, "description": "Batches that ran."},
                    "inference_stats": _object(
                        {
                            "success": {**DURATION, "description": "Requests from arrival to answer."},
                            "fail": {**DURATION, "description": "Requests that failed once they had a version."},
                            "queue": {**DURATION, "description": "The wait of each request for its batch."},
                            "compute_infer": {**DURATION, "description": "The run of its batch, as a whole."},
                        }
                    ),
                    "batch_stats": {
                        "type": "array",
                        "items": _object({"batch_size": COUNT, "compute_infer": DURATION}),
                    },
                }
            ),
        }
    }
)
"""The schema of the answer."""


def model_statistics(found: Iterable[tuple[str, int, VersionStatistics]]) -> dict[str, Any]:
    """The statistics with the names of Triton's JSON, which are those of its protobuf message."""
    return {"model_stats": [_version(*one) for one in found]}


def _version(name: str, version: int, seen: VersionStatistics) -> dict[str, Any]:
    return {
        "name": name,
        "version": str(version),
        "last_inference": int(seen.last * 1e3),
        "inference_count": seen.rows,
        "execution_count": seen.batches,
        "inference_stats": {
            "success": _duration(seen.success),
            "fail": _duration(seen.fail),
            "queue": _duration(seen.queue),
            "compute_infer": _duration(seen.compute),
        },
        "batch_stats": [
            {"batch_size": rows, "compute_infer": _duration(spent)} for rows, spent in sorted(seen.sizes.items())
        ],
    }


def _duration(spent: Duration) -> dict[str, int]:
    return {"count": spent.count, "ns": round(spent.seconds * 1e9)}
