"""Settings of the local stack, in addition to the data plane's, read once from `SLIPWAY_*`."""

from __future__ import annotations

from dataclasses import dataclass, fields

from serving.kernel.settings import Settings, SettingsError, setting, variable

__all__ = ["PORTS", "StackSettings"]

PORTS = {
    "mlflow": ("mlflow_port",),
    "ray": ("ray_port",),
    "triton": ("triton_http_port", "triton_grpc_port", "triton_metrics_port"),
    "gateway": ("http_port", "grpc_port"),
}
"""Part -> the settings that hold its ports. 0 picks a free port."""


@dataclass(frozen=True, kw_only=True)
class StackSettings(Settings):
    """Settings of `slipway up`. Every part listens on 127.0.0.1."""

    mlflow_port: int = setting(5000, "Port of the MLflow server; 0: a free one.")
    ray_port: int = setting(6380, "Port of the local Ray; 0: a free one.")
    ray_cpus: int = setting(0, "Logical cores of the local Ray; 0: the machine's, at least 8.")
    ray_object_store_mb: int = setting(256, "Shared memory for the local Ray's objects.")
    ray_dashboard_port: int = setting(0, "Port of Ray's dashboard; 0: no dashboard.")
    triton_http_port: int = setting(8000, "Port of Triton's HTTP door; 0: a free one.")
    triton_grpc_port: int = setting(8001, "Port of Triton's gRPC door; 0: a free one.")
    triton_metrics_port: int = setting(8002, "Port of Triton's metrics; 0: a free one.")
    api_key: str = setting(
        "",
        "API key or token that the commands show to a gateway that asks who calls; `slipway up` needs one with "
        "the scopes `predict` and `operations`; empty: none.",
        secret=True,
    )
    api_key_file: str = setting("", "File with that key, in place of `SLIPWAY_API_KEY`.")
    start_seconds: float = setting(120.0, "Seconds within which each part of the local stack must be ready.")
    repository_url: str = setting(
        "",
        "Bucket with the versions, `s3://bucket/prefix`: `slipway train` fetches the app's versions before the "
        "training and uploads them after it; empty: none.",
    )

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        for item in fields(self):
            if item.name.endswith("_port") and not 0 <= getattr(self, item.name) <= 65535:
                raise SettingsError(
                    f"{variable(item.name)}: {getattr(self, item.name)} must be a port from 0 to 65535"
                )
        if self.ray_object_store_mb < 80:
            raise SettingsError(f"SLIPWAY_RAY_OBJECT_STORE_MB must be at least 80, not {self.ray_object_store_mb}")
        if not self.start_seconds > 0:
            raise SettingsError(f"SLIPWAY_START_SECONDS must be more than 0, not {self.start_seconds}")
