"""Settings: one frozen object read once from `SLIPWAY_*`.

Each field's metadata holds its explanation; `docs/settings.md` is generated from it and a test compares them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

__all__ = ["Settings", "describe", "read", "variable"]

T = TypeVar("T")
PREFIX = "SLIPWAY_"
DOORS = ("native", "ray")
NOT_NEGATIVE = (
    "replicas",
    "max_replicas",
    "connection_seconds",
    "drain_seconds",
    "notice_seconds",
    "compress_bytes",
)


def setting(default: Any, text: str, name: str = "", secret: bool = False) -> Any:
    """A dataclass field with its explanation; `name` overrides the variable's name after `SLIPWAY_`."""
    return field(default=default, metadata={"text": text, "name": name}, repr=not secret)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the data plane needs to know. Apps' own settings are in their `values.yaml`."""

    home: Path = setting(Path(".slipway"), "Folder of everything that is made at run time: state, logs, caches.")
    model_repository: Path = setting(Path("model-repository"), "Folder in Triton's layout that answers come from.")
    apps: tuple[str, ...] = setting(
        (),
        "Apps this process serves, comma separated; empty: all. A name with dots is a package elsewhere.",
    )
    backend: str = setting(
        "", "Where models run: `fused`, `replica` or `triton`; empty: as each app's values say."
    )
    door: str = setting(
        "native",
        "Who takes HTTP requests: `native`, each gateway replica itself, or `ray`, Ray Serve's HAProxy.",
    )
    host: str = setting("127.0.0.1", "Address that the gateway listens on.")
    http_port: int = setting(8080, "Port for HTTP.")
    grpc_port: int = setting(8081, "Port for gRPC.")
    triton_url: str = setting("127.0.0.1:8001", "host:port of Triton's gRPC door, for the backend `triton`.")
    triton_shared_memory: bool = setting(
        False, "Pass large tensors to Triton through shared memory; for a Triton in the same pod."
    )
    onnx_providers: tuple[str, ...] = setting(
        ("cpu",),
        "What ONNX Runtime runs models on, in order of preference: `tensorrt`, `cuda`, `cpu`, comma separated.",
    )
    database_url: str = setting(
        "",
        "Database that short questions are completed from, `postgresql://user:password@host/name`; empty: none.",
        secret=True,
    )
    collections_url: str = setting(
        "",
        "PostgreSQL with pgvector that keeps the records of collections, `postgresql://user:password@host/name`; "
        "empty: none are kept.",
        secret=True,
    )
    replicas: int = setting(
        0, "Gateway replicas, always as many; 0: between the bounds that the apps' values say."
    )
    max_replicas: int = setting(0, "Most gateway replicas; 0: as the apps' values say.")
    connection_seconds: float = setting(
        60.0,
        "How long a connection is used before its client is asked to connect again, so that replicas that were "
        "added get their share; 0: no limit.",
    )
    drain_seconds: float = setting(
        20.0, "How long a gateway replica that is taken away may go on answering what it has begun."
    )
    notice_seconds: float = setting(
        0.0,
        "How long the last gateway replica of a node answers `/-/healthz` with 503 before it stops listening; on "
        "Kubernetes more than the readiness probe's period.",
    )
    max_body_bytes: int = setting(16 * 2**20, "Largest request body; more is answered 413.")
    max_rows: int = setting(4096, "Most rows (or instances) in one request; more is answered 413.")
    default_timeout_ms: int = setting(5_000, "Deadline of a request that sets none.")
    max_timeout_ms: int = setting(60_000, "Longest deadline a request may set; a longer one is cut to this.")
    client_header: str = setting(
        "", "Header that names the client for fair queueing, set by a trusted proxy; empty: the peer's address."
    )
    cors_origins: tuple[str, ...] = setting(
        (), "Origins whose web pages may call the gateway, comma separated, or `*` for any; empty: none."
    )
    compress_bytes: int = setting(
        1024,
        "Answers of at least this many bytes are compressed with gzip for clients that accept it; 0: none are. "
        "Answers of the hot lane never are.",
    )
    poll_seconds: float = setting(1.0, "How often the model repository is looked at for new versions.")
    keep_versions: int = setting(
        3, "Newest versions kept loaded beside the aliased ones; older load when asked for."
    )
    log_level: str = setting("INFO", "DEBUG, INFO, WARNING or ERROR.")
    log_file: str = setting("", "File the JSON logs go to; empty: standard error.")
    log_max_bytes: int = setting(
        256 * 2**20, "A log file of this size becomes `<name>.1`, over the one before; 0: it grows for ever."
    )

    def __post_init__(self) -> None:
        if self.backend not in ("", "fused", "replica", "triton"):
            raise ValueError(f"SLIPWAY_BACKEND: {self.backend!r} is not one of fused, replica, triton")
        for name in self.onnx_providers:
            if name not in ("tensorrt", "cuda", "cpu"):
                raise ValueError(f"SLIPWAY_ONNX_PROVIDERS: {name!r} is not one of tensorrt, cuda, cpu")
        if self.door not in DOORS:
            raise ValueError(f"SLIPWAY_DOOR: {self.door!r} is not one of {', '.join(DOORS)}")
        for name in NOT_NEGATIVE:
            if getattr(self, name) < 0:
                raise ValueError(f"{variable(name)}: {getattr(self, name)} is less than 0")
        for name in ("http_port", "grpc_port"):
            if not 0 <= getattr(self, name) <= 65535:
                raise ValueError(f"{variable(name)}: {getattr(self, name)} is not a port (0 to 65535)")


def variable(name: str) -> str:
    """The environment variable of a field."""
    return PREFIX + name.upper()


def read(cls: type[T], environ: Mapping[str, str] | None = None, **overrides: Any) -> T:
    """Build a settings object from the environment; `overrides` win over it.

    Raises `ValueError` naming the variable and what was allowed.
    """
    environ = os.environ if environ is None else environ
    hints = get_type_hints(cls)
    values: dict[str, Any] = {}
    for item in fields(cls):  # type: ignore[arg-type]
        raw = environ.get(_variable_of(item))
        if raw is not None:
            values[item.name] = _convert(_variable_of(item), raw, hints[item.name])
    return cls(**{**values, **overrides})


def describe(cls: type[Any]) -> list[tuple[str, str, str]]:
    """Rows of (variable, default, explanation) for the documentation."""
    return [
        (_variable_of(item), "" if item.default in (MISSING, None) else _show(item.default), item.metadata["text"])
        for item in fields(cls)
    ]


def _variable_of(item: Field[Any]) -> str:
    return PREFIX + item.metadata["name"] if item.metadata.get("name") else variable(item.name)


def _show(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _convert(name: str, raw: str, kind: Any) -> Any:
    try:
        if kind is bool:
            return {"1": True, "true": True, "0": False, "false": False}[raw.lower()]
        if kind == tuple[str, ...]:
            return tuple(part.strip() for part in raw.split(",") if part.strip())
        return kind(raw)
    except (ValueError, KeyError) as cause:
        allowed = "true or false" if kind is bool else getattr(kind, "__name__", str(kind))
        raise ValueError(f"{name}: {raw!r} is not allowed here; expected {allowed}") from cause
