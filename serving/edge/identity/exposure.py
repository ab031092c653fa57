"""Whether a gateway may listen where the settings say: to other machines only if it asks who calls."""

from __future__ import annotations

import ipaddress

from serving.kernel.settings import Settings, SettingsError

__all__ = ["asks_callers", "check_exposure", "is_loopback"]


def check_exposure(settings: Settings) -> None:
    """Raise `SettingsError` for an address that others reach, where nobody is asked who they are."""
    if settings.open or asks_callers(settings) or is_loopback(settings.host):
        return
    raise SettingsError(
        f"SLIPWAY_HOST: on {settings.host!r}, everybody who reaches ports {settings.http_port} (HTTP) and "
        f"{settings.grpc_port} (gRPC) could ask every model, read and change the records of collections, and read "
        "metrics, without showing who they are. Set SLIPWAY_KEY_FOLDER (make a key with `slipway keys create "
        "NAME`), SLIPWAY_JWT_KEYS or SLIPWAY_IDENTITY_HEADER; or set SLIPWAY_OPEN=1 if that is what you want"
    )


def asks_callers(settings: Settings) -> bool:
    """Whether a way to identify callers is configured."""
    return bool(settings.key_folder or settings.jwt_keys or settings.identity_header)


def is_loopback(host: str) -> bool:
    """Whether only programs on the same machine reach this address. Names are not resolved."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
