"""Settings: one frozen object, read once from the environment variables `SLIPWAY_*`.

The metadata of each field has its explanation. `docs/settings.md` is generated from it, and a test compares them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

__all__ = ["Settings", "SettingsError", "describe", "read", "variable"]

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
    "max_connections",
    "max_connections_per_peer",
)


class SettingsError(ValueError):
    """A setting cannot be used. The message starts with the name of its environment variable."""


def setting(default: Any, text: str, name: str = "", secret: bool = False) -> Any:
    """A dataclass field with its explanation; `name` replaces the part of the variable after `SLIPWAY_`."""
    return field(default=default, metadata={"text": text, "name": name}, repr=not secret)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of the data plane. The settings of each app are in its `values.yaml`."""

    home: Path = setting(Path(".slipway"), "Folder for everything created at run time: state, logs, caches.")
    model_repository: Path = setting(
        Path("model-repository"), "Folder with the published versions, in Triton's layout."
    )
    apps: tuple[str, ...] = setting(
        (),
        "Apps and added models that this process serves, comma separated; empty: all. A name with dots is another "
        "package.",
    )
    backend: str = setting(
        "", "What runs the models: `fused`, `replica` or `triton`; empty: as in each app's `values.yaml`."
    )
    door: str = setting(
        "native",
        "What accepts HTTP requests: `native`, each gateway replica itself, or `ray`, Ray Serve's HAProxy.",
    )
    host: str = setting(
        "127.0.0.1",
        "Address that the gateway listens on. Where other machines reach it, callers have to show who they are "
        "(`SLIPWAY_KEY_FOLDER`, `SLIPWAY_JWT_KEYS` or `SLIPWAY_IDENTITY_HEADER`), or `SLIPWAY_OPEN` must be set.",
    )
    open: bool = setting(
        False, "Let the gateway listen where other machines reach it although it does not ask who calls."
    )
    http_port: int = setting(8080, "Port for HTTP.")
    grpc_port: int = setting(8081, "Port for gRPC.")
    triton_url: str = setting("127.0.0.1:8001", "host:port of Triton's gRPC door, for the backend `triton`.")
    triton_shared_memory: bool = setting(
        False, "Pass large tensors to Triton through shared memory; only for a Triton in the same pod."
    )
    onnx_providers: tuple[str, ...] = setting(
        ("cpu",),
        "Where ONNX Runtime runs models, in order of preference: `tensorrt`, `cuda`, `cpu`, comma separated.",
    )
    database_url: str = setting(
        "",
        "Database from which short questions are completed, `postgresql://user:password@host/name`; empty: none.",
        secret=True,
    )
    collections_url: str = setting(
        "",
        "PostgreSQL with pgvector for the records of collections, `postgresql://user:password@host/name`; "
        "empty: no collections.",
        secret=True,
    )
    replicas: int = setting(
        0, "Fixed number of gateway replicas; 0: between the bounds in the apps' `values.yaml`."
    )
    max_replicas: int = setting(0, "Largest number of gateway replicas; 0: as in the apps' `values.yaml`.")
    max_connections: int = setting(
        16384,
        "Most HTTP connections of one gateway process. At the limit, connections that have been idle longest are "
        "closed for new ones; if none is idle, a new one is answered with 503. The gRPC port has the same limit "
        "for its own connections and closes new ones. 0: no limit.",
    )
    max_connections_per_peer: int = setting(
        8192,
        "The same for the connections of one address. Behind a load balancer that is the load balancer's. "
        "0: no limit.",
    )
    connection_seconds: float = setting(
        60.0,
        "Age at which a connection is closed after an answer, so that its client connects again and new replicas "
        "get their share; 0: no limit.",
    )
    drain_seconds: float = setting(
        20.0, "Time that a gateway replica has, when it is stopped, to answer its remaining requests."
    )
    notice_seconds: float = setting(
        0.0,
        "Time for which the last gateway replica of a node answers `/-/healthz` with 503 before it stops "
        "listening; on Kubernetes longer than the period of the readiness probe.",
    )
    max_body_bytes: int = setting(16 * 2**20, "Largest request body in bytes; a larger one is answered with 413.")
    max_rows: int = setting(4096, "Most rows (or instances) in one request; more are answered with 413.")
    default_timeout_ms: int = setting(5_000, "Deadline of a request that sets none, in milliseconds.")
    max_timeout_ms: int = setting(
        60_000, "Longest deadline that a request may set, in milliseconds; a longer one is shortened to it."
    )
    client_header: str = setting(
        "", "Header with the client's name for fair queueing, set by a trusted proxy; empty: the peer's address."
    )
    key_folder: str = setting(
        "",
        "Folder with the API keys, which `slipway keys` makes or a Kubernetes Secret is mounted as; empty: none. "
        "With keys, tokens or an identity header, every caller has to show who it is.",
    )
    jwt_keys: str = setting(
        "", "Public keys of the issuer of JSON Web Tokens, as a JWKS: a file or an https:// URL; empty: no tokens."
    )
    jwt_issuer: str = setting("", "`iss` of the tokens that are accepted.")
    jwt_audience: str = setting("", "`aud` of the tokens that are accepted.")
    jwt_scope_claim: str = setting("scope", "Claim with the scopes of a token: words in one string, or a list.")
    jwt_tenant_claim: str = setting("tenant", "Claim with the tenant of a token.")
    identity_header: str = setting(
        "", "Header in which a proxy that authenticates names the caller; empty: none is believed."
    )
    identity_proxies: tuple[str, ...] = setting(
        (), "Networks of the proxies whose identity header is believed, such as `10.1.0.0/16`, comma separated."
    )
    identity_scopes: tuple[str, ...] = setting(
        ("predict",), "Scopes of the callers that a proxy names, comma separated."
    )
    trusted_keys: str = setting(
        "",
        "Folder, outside of the model repository, with the public keys whose signatures count; "
        "`slipway signing create` makes it, or a ConfigMap or Secret is mounted as it; empty: none.",
    )
    signatures: str = setting(
        "",
        "What happens to versions and aliases without a signature that counts: `off` (they are not looked at), "
        "`warn` or `enforce` (they are refused); empty: `enforce` if `SLIPWAY_TRUSTED_KEYS` is set, else `off`.",
    )
    signing_key: str = setting(
        "",
        "File with the private key with which commands sign what they publish; gateways need none; empty: nothing "
        "is signed.",
    )
    cors_origins: tuple[str, ...] = setting(
        (), "Origins whose web pages may call the gateway, comma separated, or `*` for any; empty: none."
    )
    compress_bytes: int = setting(
        1024,
        "Answers of at least this many bytes are compressed with gzip for clients that accept it; 0: none are. "
        "Answers of the hot lane never are.",
    )
    poll_seconds: float = setting(1.0, "Seconds between two checks of the model repository for new versions.")
    keep_versions: int = setting(
        3, "Number of newest versions that stay loaded in addition to the champion and the challenger."
    )
    log_level: str = setting("INFO", "DEBUG, INFO, WARNING or ERROR.")
    log_file: str = setting("", "File for the JSON logs; empty: standard error.")
    log_max_bytes: int = setting(
        256 * 2**20,
        "Size in bytes at which a log file is renamed to `<name>.1`, replacing the previous one; 0: no limit.",
    )

    def __post_init__(self) -> None:
        if self.backend not in ("", "fused", "replica", "triton"):
            raise SettingsError(f"SLIPWAY_BACKEND: {self.backend!r} is not one of fused, replica, triton")
        for name in self.onnx_providers:
            if name not in ("tensorrt", "cuda", "cpu"):
                raise SettingsError(f"SLIPWAY_ONNX_PROVIDERS: {name!r} is not one of tensorrt, cuda, cpu")
        if self.door not in DOORS:
            raise SettingsError(f"SLIPWAY_DOOR: {self.door!r} is not one of {', '.join(DOORS)}")
        if self.signatures not in ("", "off", "warn", "enforce"):
            raise SettingsError(f"SLIPWAY_SIGNATURES: {self.signatures!r} is not one of off, warn, enforce")
        for name in NOT_NEGATIVE:
            if getattr(self, name) < 0:
                raise SettingsError(f"{variable(name)}: {getattr(self, name)} must not be negative")
        for name in ("http_port", "grpc_port"):
            if not 0 <= getattr(self, name) <= 65535:
                raise SettingsError(f"{variable(name)}: {getattr(self, name)} must be a port from 0 to 65535")


def variable(name: str) -> str:
    """The environment variable of a field."""
    return PREFIX + name.upper()


def read(cls: type[T], environ: Mapping[str, str] | None = None, **overrides: Any) -> T:
    """Read a settings object from the environment; `overrides` take precedence.

    Raises `SettingsError` naming the variable and what is allowed.
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
    """Variable, default and explanation of each setting, for the documentation."""
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
        raise SettingsError(f"{name}: {raw!r} is not allowed; expected {allowed}") from cause
