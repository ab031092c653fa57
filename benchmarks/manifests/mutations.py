"""What breaks the good manifests: taken from what API servers, operators and users complained about."""

from __future__ import annotations

from benchmarks.manifests.apart import NETWORK, REFERENCES, SCALING
from benchmarks.manifests.edit import Mutation
from benchmarks.manifests.refused import CRD, PODS, SCHEMA, YAML
from benchmarks.manifests.served import KSERVE, OBSERVE, RAY_ROWS, UNCAUGHT

__all__ = ["MUTATIONS"]

MUTATIONS: list[Mutation] = [
    *YAML,
    *SCHEMA,
    *CRD,
    *PODS,
    *NETWORK,
    *SCALING,
    *REFERENCES,
    *OBSERVE,
    *RAY_ROWS,
    *KSERVE,
    *UNCAUGHT,
]
