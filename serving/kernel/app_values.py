"""An app's `values.yaml`: replicas, resources, batching, and what runs its model."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from serving.kernel.app import App

__all__ = ["Batching", "Replicas", "Resources", "Values", "batching_of", "load_values", "most_demanding"]

Positive = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]


class Replicas(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The number of gateway replicas, between `min` and `max`.

    The autoscaler keeps the requests in progress per replica below `target_ongoing_requests`, and the wait for a
    batch below `target_queue_ms`. It starts replicas once more have been needed for `upscale_delay_s` seconds, and
    stops some once fewer have been enough for `downscale_delay_s` seconds.
    """

    min: Positive = 1
    max: Positive = 1
    target_ongoing_requests: Annotated[float, msgspec.Meta(gt=0)] = 32.0
    target_queue_ms: Annotated[float, msgspec.Meta(gt=0)] = 20.0
    upscale_delay_s: Seconds = 10.0
    downscale_delay_s: Seconds = 300.0

    def __post_init__(self) -> None:
        if self.max < self.min:
            raise ValueError(f"max is {self.max}, less than min, {self.min}")


class Resources(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one replica reserves. `cpus` may be a fraction; `gpus` is for the backends `replica` and `triton`."""

    cpus: float = 1.0
    gpus: float = 0.0
    memory: str = "1Gi"


class Batching(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Dynamic batching. `max_rows` limits the rows of a batch, `max_queue_rows` those in the queue.

    `max_wait_ms` lets a batch that is not full wait for more requests, which pays only on an accelerator.
    `length_buckets` are lengths in ascending order: inputs with a free axis (text) whose lengths fall into the
    same bucket are padded and share a batch. Without buckets, only inputs of equal length share a batch.
    """

    max_rows: Positive = 64
    max_queue_rows: Positive = 4096
    max_wait_ms: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    length_buckets: tuple[Positive, ...] = ()

    def __post_init__(self) -> None:
        if any(after <= before for before, after in pairwise(self.length_buckets)):
            raise ValueError(f"length_buckets {list(self.length_buckets)} must be in ascending order")


class Slo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The service-level objective that alerts and rollouts judge by."""

    p99_ms: float = 100.0
    availability: float = 0.999


class Canary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The percentages of traffic that a rollout goes through."""

    steps: tuple[int, ...] = (1, 5, 25, 50, 100)


class Values(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings of one app."""

    backend: Literal["fused", "replica", "triton"] = "fused"
    replicas: Replicas = Replicas()
    resources: Resources = Resources()
    batching: Batching = Batching()
    slo: Slo = Slo()
    canary: Canary = Canary()


def most_demanding(each: Iterable[Replicas]) -> Replicas:
    """The replicas of a gateway that serves all these apps: for each setting the strictest value."""
    found = list(each)
    return Replicas(
        min=max(one.min for one in found),
        max=max(one.max for one in found),
        target_ongoing_requests=min(one.target_ongoing_requests for one in found),
        target_queue_ms=min(one.target_queue_ms for one in found),
        upscale_delay_s=min(one.upscale_delay_s for one in found),
        downscale_delay_s=max(one.downscale_delay_s for one in found),
    )


def batching_of(app: App[Any, Any, Any]) -> Batching:
    """The batching of an app, one row for a model that takes no more. Raises `ValueError` as `load_values`."""
    batching = load_values(app.folder).batching
    return msgspec.structs.replace(batching, max_rows=1) if app.row_by_row else batching


def load_values(folder: Path) -> Values:
    """Read `values.yaml` of an app's folder; without the file, the defaults.

    Raises `ValueError` naming the file and the field.
    """
    path = folder / "values.yaml"
    try:
        return msgspec.yaml.decode(path.read_bytes(), type=Values)
    except FileNotFoundError:
        # Somebody may have copied the versions of an added model alone.
        return Values()
    except msgspec.MsgspecError as cause:
        raise ValueError(f"{folder.name}/values.yaml: {cause}") from cause
