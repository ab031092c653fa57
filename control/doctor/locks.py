"""Checks of who may call, who may change, and who may read."""

from __future__ import annotations

import stat
import time
from collections.abc import Iterator
from pathlib import Path

from control.doctor.finding import Finding
from serving.edge.identity.exposure import asks_callers, is_loopback
from serving.edge.identity.key_file import KEYS, PEPPER, KeyFileError
from serving.edge.identity.key_file import read as read_keys
from serving.kernel.settings import Settings, SettingsError
from serving.kernel.storage.signatures import Signatures
from serving.kernel.storage.trusted_keys import read_trusted
from training.publish.signer import SigningError, signer

__all__ = ["callers", "keys", "modes", "signatures", "tls"]

SOON_SECONDS = 14 * 86_400.0


def callers(settings: Settings) -> Iterator[Finding]:
    """Whether strangers could ask."""
    if is_loopback(settings.host):
        yield Finding("callers", "ok", f"the gateway listens on {settings.host}, which only this machine reaches")
    elif asks_callers(settings):
        yield Finding("callers", "ok", f"who calls {settings.host} has to show who it is")
    else:
        yield Finding(
            "callers",
            "warning" if settings.open else "error",
            f"everybody who reaches {settings.host} may ask, change records and read metrics",
            "make keys with `slipway keys create NAME`, and set SLIPWAY_KEY_FOLDER",
        )


def tls(settings: Settings) -> Iterator[Finding]:
    """Whether others on the way could read along."""
    if not is_loopback(settings.host):
        yield Finding(
            "TLS",
            "warning",
            "the gateway's own ports have no TLS",
            "put a Gateway, an Ingress, a mesh or a proxy with a certificate in front of them",
        )


def keys(settings: Settings) -> Iterator[Finding]:
    """The API keys: whether there are any, and which end soon or never."""
    if not settings.key_folder:
        return
    folder, now = Path(settings.key_folder), time.time()
    try:
        active = [one for one in read_keys(folder)[1].keys if one.state(now) == "active"]
    except KeyFileError as cause:
        yield Finding("API keys", "error", str(cause), "make the first key with `slipway keys create NAME`")
        return
    if not active:
        yield Finding("API keys", "error", "no key is valid: every call is refused", "slipway keys create NAME")
    for one in active:
        if one.expires and one.expires - now < SOON_SECONDS:
            days = int((one.expires - now) / 86_400)
            yield Finding(
                "API keys",
                "warning",
                f"{one.id} of {one.subject} expires in {days} days",
                f"slipway keys rotate {one.id}",
            )
        if "admin" in one.scopes and not one.expires:
            yield Finding(
                "API keys",
                "warning",
                f"{one.id} of {one.subject} may do everything for ever",
                "make one with fewer scopes and with --expires, then revoke it",
            )
    if active:
        yield Finding("API keys", "ok", f"{len(active)} keys are valid")
    yield from _private("API keys", [folder / KEYS, folder / PEPPER])


def signatures(settings: Settings) -> Iterator[Finding]:
    """Whether only what was signed is served, and until when."""
    try:
        found = Signatures.of(settings)
        if settings.signing_key:
            signer(settings.signing_key)
    except (SettingsError, SigningError) as cause:
        yield Finding("signatures", "error", str(cause))
        return
    if found is None:
        yield Finding(
            "signatures",
            "warning",
            "who can write the model repository decides what is served",
            "make a key with `slipway signing create NAME`, and set SLIPWAY_TRUSTED_KEYS",
        )
        return
    if not found.enforced:
        text = "versions without a signature are served with a warning in the log"
        yield Finding("signatures", "warning", text, "set SLIPWAY_SIGNATURES=enforce once the log is quiet")
    now = time.time()
    for key in read_trusted(Path(settings.trusted_keys)).values():
        if key.expires and key.state(now) == "active" and key.expires - now < SOON_SECONDS:
            days = int((key.expires - now) / 86_400)
            yield Finding(
                "signatures",
                "warning",
                f"the key {key.name} expires in {days} days, and what it alone signed is refused then",
                "make the next key, and sign with it: slipway signing create NAME; slipway signing sign",
            )
    if found.enforced:
        yield Finding("signatures", "ok", "versions and aliases that no trusted key signed are refused")


def modes(settings: Settings) -> Iterator[Finding]:
    """Whether other users of the machine can read what is private."""
    home = settings.home
    # To pass through is allowed: as root, PostgreSQL is another user.
    if home.is_dir() and home.stat().st_mode & (stat.S_IRGRP | stat.S_IWGRP | stat.S_IROTH | stat.S_IWOTH):
        yield Finding("modes", "error", f"other users can look into {home}", f"chmod 700 {home}")
    elif home.is_dir():
        yield Finding("modes", "ok", f"no other user can look into {home}")


def _private(check: str, paths: list[Path]) -> Iterator[Finding]:
    for path in paths:
        if path.exists() and path.stat().st_mode & stat.S_IRWXO:
            yield Finding(check, "error", f"other users can read {path}", f"chmod 600 {path}")
