"""A model's configuration for the server that it is deployed on: instances, GPUs and the versions to load.

The published `config.pbtxt` fits any server. What depends on the server is decided here, when a model is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format
from tritonclient.grpc import model_config_pb2 as pb

__all__ = ["SLOT", "Place", "as_json", "placed", "same_place"]

SLOT = "gpu-slot"
"""The resource of Triton's rate limiter that each execution on a GPU takes: at most `SLOTS` run on one GPU."""
SLOTS = 2
"""One execution computes while the other one's tensors are copied."""
WARM_ROWS = (1, 64)
"""Rows of the warm-up requests of a model on a GPU, as far as `max_batch_size` allows."""
FREE_DIM = 1
"""The size of a free axis in warm-up requests."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """What a server has, and the models that run on its GPUs."""

    cpus: int = 1
    gpus: int = 0
    on_gpus: tuple[str, ...] = ()

    def uses_gpu(self, model: str) -> bool:
        """Whether a model runs on the GPUs here."""
        return self.gpus > 0 and model in self.on_gpus


def placed(config: pb.ModelConfig, place: Place, versions: Sequence[int] = ()) -> pb.ModelConfig:
    """The configuration at a place. With `versions`, Triton loads these and unloads all others."""
    found = pb.ModelConfig()
    found.CopyFrom(config)
    if versions:
        found.version_policy.CopyFrom(pb.ModelVersionPolicy(specific=_specific(versions)))
    if not found.HasField("ensemble_scheduling"):
        del found.instance_group[:]
        found.instance_group.append(_group(place, config.name))
        if place.uses_gpu(config.name) and not found.model_warmup:
            found.model_warmup.extend(_warm_up(config))
    return found


def same_place(one: pb.ModelConfig, other: pb.ModelConfig) -> bool:
    """Whether two configurations have the same kinds and counts of instances."""
    return _instances(one) == _instances(other)


def as_json(config: pb.ModelConfig) -> str:
    """The configuration as Triton's repository API takes it."""
    return str(json_format.MessageToJson(config, preserving_proto_field_name=True, indent=None))


def _instances(config: pb.ModelConfig) -> list[tuple[int, int]]:
    return [(group.kind, group.count) for group in config.instance_group]


def _specific(versions: Sequence[int]) -> Any:
    return pb.ModelVersionPolicy.Specific(versions=sorted(versions))


def _group(place: Place, model: str) -> Any:
    if not place.uses_gpu(model):
        return pb.ModelInstanceGroup(count=max(1, place.cpus), kind=pb.ModelInstanceGroup.KIND_CPU)
    # Without a list of GPUs, each GPU gets `count` instances.
    group = pb.ModelInstanceGroup(count=SLOTS, kind=pb.ModelInstanceGroup.KIND_GPU)
    group.rate_limiter.resources.add(name=SLOT, count=1)
    return group


def _warm_up(config: pb.ModelConfig) -> list[Any]:
    """Requests of zeros, so that the first callers do not wait for CUDA; none for a model that reads text."""
    if any(item.data_type == pb.TYPE_STRING for item in config.input):
        return []
    sizes = sorted({min(rows, max(config.max_batch_size, 1)) for rows in WARM_ROWS})
    samples = []
    for rows in sizes:
        sample = pb.ModelWarmup(name=f"{rows} rows", batch_size=rows)
        for item in config.input:
            given = sample.inputs[item.name]
            given.data_type = item.data_type
            given.dims.extend(FREE_DIM if dim < 0 else dim for dim in item.dims)
            given.zero_data = True
        samples.append(sample)
    return samples
