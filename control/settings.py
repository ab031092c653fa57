"""Settings of the local stack: the data plane's and a few of its own, read once from `SLIPWAY_*`."""

from __future__ import annotations

from dataclasses import dataclass, fields

from serving.kernel.settings import Settings, setting, variable

__all__ = ["PORTS", "StackSettings"]

PORTS = {
    "mlflow": ("mlflow_port",),
    "ray": ("ray_port",),
    "triton": ("triton_http_port", "triton_grpc_port", "triton_metrics_port"),
    "gateway": ("http_port", "grpc_port"),
}
"""Part -> the settings that hold its ports. 0 picks a free one."""


@dataclass(frozen=True, kw_only=True)
class StackSettings(Settings):
    """What `slipway up` needs to know. Everything listens on 127.0.0.1."""

    mlflow_port: int = setting(5000, "Port of the MLflow server; 0: a free one.")
    ray_port: int = setting(6380, "Port of the local Ray; 0: a free one.")
    ray_cpus: int = setting(0, "Logical cores the local Ray hands out; 0: the machine's, at least 8.")
    ray_object_store_mb: int = setting(256, "Shared memory for the local Ray's objects.")
    ray_dashboard_port: int = setting(0, "Port of Ray's dashboard; 0: no dashboard.")
    triton_http_port: int = setting(8000, "Port of Triton's HTTP door; 0: a free one.")
    triton_grpc_port: int = setting(8001, "Port of Triton's gRPC door; 0: a free one.")
    triton_metrics_port: int = setting(8002, "Port of Triton's metrics; 0: a free one.")
    start_seconds: float = setting(120.0, "How long a part of the local stack may take until it is ready.")
    repository_url: str = setting(
        "",
        "Bucket that `slipway train` fetches the app's versions from first and sends them to in the end, "
        "`s3://bucket/prefix`; empty: none.",
    )

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        for item in fields(self):
            if item.name.endswith("_port") and not 0 <= getattr(self, item.name) <= 65535:
                raise ValueError(f"{variable(item.name)}: {getattr(self, item.name)} is not a port (0 to 65535)")
        if self.ray_object_store_mb < 80:
            raise ValueError(f"SLIPWAY_RAY_OBJECT_STORE_MB: {self.ray_object_store_mb} is under Ray's least, 80")
        if not self.start_seconds > 0:
            raise ValueError(f"SLIPWAY_START_SECONDS: {self.start_seconds} must be more than 0")
