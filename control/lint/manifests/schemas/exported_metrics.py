"""The metrics that exist: those of the data plane from its code, those of Triton by name."""

from __future__ import annotations

from functools import cache

__all__ = ["TRITON", "emitted", "foreign"]

_INFERENCE = (
    "count exec_count request_success request_failure request_duration_us queue_duration_us "
    "compute_input_duration_us compute_infer_duration_us compute_output_duration_us pending_request_count"
)
_REST = (
    "nv_cache_num_hits_per_model nv_cache_num_misses_per_model nv_cache_hit_duration_per_model "
    "nv_cache_miss_duration_per_model nv_model_load_duration_secs "
    "nv_gpu_utilization nv_gpu_memory_total_bytes nv_gpu_memory_used_bytes nv_gpu_power_usage nv_gpu_power_limit "
    "nv_energy_consumption nv_cpu_utilization nv_cpu_memory_total_bytes nv_cpu_memory_used_bytes "
    "nv_pinned_memory_pool_total_bytes nv_pinned_memory_pool_used_bytes nv_inference_request_summary_us "
    "nv_inference_queue_summary_us nv_inference_first_response_histogram_ms_bucket "
    "nv_inference_first_response_histogram_ms_count nv_inference_first_response_histogram_ms_sum"
)
TRITON = frozenset(f"nv_inference_{name}" for name in _INFERENCE.split()) | frozenset(_REST.split())
"""Metrics of Triton Inference Server."""
_FOREIGN = (
    "ALERTS alertmanager_ container_ cortex_ envoy_ go_ haproxy_ http_ keda_ kube_ kubelet_ kubernetes_ mlflow_ "
    "node_ pg_ process_ prometheus_ python_ ray_ redis_ scrape_ up DCGM_"
).split()
OF_MONITOR = ("slipway_dev_release", "slipway_dev_group", "slipway_dev_track")
"""Labels that the chart's ServiceMonitor takes from the Services."""
ADDED = frozenset(
    [
        *"instance job namespace pod container service endpoint node cluster prometheus __name__".split(),
        *OF_MONITOR,
    ]
)
"""Labels that Prometheus or its operator adds."""
_ENDINGS = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "summary": ("", "_count", "_sum")}


@cache
def emitted() -> dict[str, frozenset[str]]:
    """Return the series that the data plane emits -> their labels."""
    from prometheus_client.metrics import MetricWrapperBase

    from serving.observe.metrics import Metrics

    found: dict[str, frozenset[str]] = {}
    for item in vars(Metrics()).values():
        if isinstance(item, MetricWrapperBase):
            for family in item.describe():
                for ending in _ENDINGS.get(family.type, ("",)):
                    own = {"le"} if ending == "_bucket" else set()
                    found[family.name + ending] = frozenset(item._labelnames) | ADDED | own
    return found


def foreign(name: str) -> bool:
    """Return whether the name of a metric is that of another system, whose metrics are not known here."""
    return any(name == known or (known.endswith("_") and name.startswith(known)) for known in _FOREIGN)
