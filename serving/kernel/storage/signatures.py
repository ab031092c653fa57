"""Signatures of versions and aliases: what is signed, and whether it counts.

The manifest has the digest of every file, so `manifest.sig` beside it signs the whole version. `aliases.json` has
a signature of its own, over the name of its app and a number that only rises: older aliases, which were signed as
well, are refused. Bytes are signed in the form of DSSE, with their kind: one cannot be taken for another.
"""

from __future__ import annotations

import base64
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

from serving.kernel.settings import Settings, SettingsError
from serving.kernel.storage.highest import raise_numbers, read_numbers
from serving.kernel.storage.trusted_keys import INSTALL, TrustError, read_trusted
from serving.kernel.storage.version_files import Refused
from serving.kernel.storage.version_manifest import ALIASES_NAME, SIGNATURE_NAME, Aliases, Signature

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["POLICIES", "Envelope", "Signatures", "aliases_payload", "manifest_bytes", "signed_bytes"]

POLICIES = ("off", "warn", "enforce")
MANIFEST_KIND = "application/vnd.slipway.manifest+json"
ALIASES_KIND = "application/vnd.slipway.aliases+json"
ACCEPTED = "accepted-aliases.json"
"""Below `SLIPWAY_HOME`: the highest number of each app's aliases that was accepted."""
LOOK_SECONDS = 1.0
"""Between two readings of the folder with the trusted keys."""
RECHECK_SECONDS = 10.0
"""For which accepted aliases are not verified once more: a gateway reads those of each app every second."""

log = logging.getLogger(__name__)


class Envelope(msgspec.Struct, frozen=True):
    """`manifest.sig`. Several keys may have signed, so that one can take the place of another."""

    signatures: tuple[Signature, ...] = ()


class Verifies(Protocol):
    """A public key."""

    def verify(self, signature: bytes, data: bytes) -> None:
        """Raises an error for a wrong signature."""


def signed_bytes(kind: str, payload: bytes) -> bytes:
    """What is signed: DSSE's pre-authentication encoding."""
    name = kind.encode()
    return b"DSSEv1 %d %s %d %s" % (len(name), name, len(payload), payload)


def manifest_bytes(content: bytes) -> bytes:
    """What is signed of the bytes of a manifest."""
    return signed_bytes(MANIFEST_KIND, content)


def aliases_payload(app: str, aliases: Aliases) -> bytes:
    """What is signed of an app's aliases."""
    stated = {
        "app": app,
        "challenger": aliases.challenger,
        "champion": aliases.champion,
        "number": aliases.number,
    }
    return signed_bytes(ALIASES_KIND, msgspec.json.encode(stated, order="sorted"))


class Signatures:
    """Checks what is read from the model repository. Blocking; one object for each process."""

    def __init__(self, folder: Path, policy: str = "enforce", remembered: Path | None = None) -> None:
        """`remembered` is the file with the highest numbers of aliases; None: they are kept in memory alone.

        Raises `TrustError` if the keys cannot be read. If they cannot be read again later, the last keys stay.
        """
        self._folder = folder
        self.enforced = policy == "enforce"
        self._remembered = remembered
        self._highest = read_numbers(remembered) if remembered is not None else {}
        self._keys = read_trusted(folder)
        self._looked = time.monotonic()
        self._warned: set[str] = set()
        self._accepted: dict[str, tuple[Aliases, float]] = {}
        """The aliases that were accepted last, and until when they need no other look."""
        _public_key(b"\0" * 32)  # whether the library is there

    @classmethod
    def of(cls, settings: Settings) -> Signatures | None:
        """What the settings say; None: signatures are not looked at. Raises `SettingsError`."""
        policy = settings.signatures or ("enforce" if settings.trusted_keys else "off")
        if policy == "off":
            return None
        if not settings.trusted_keys:
            raise SettingsError(
                f"SLIPWAY_SIGNATURES: {policy!r} needs SLIPWAY_TRUSTED_KEYS, the folder with the keys"
            )
        folder = Path(settings.trusted_keys)
        if folder.resolve().is_relative_to(settings.model_repository.resolve()):
            raise SettingsError(
                "SLIPWAY_TRUSTED_KEYS: the keys must not be in the model repository, whose writers they check"
            )
        try:
            return cls(folder, policy, settings.home / ACCEPTED)
        except TrustError as cause:
            raise SettingsError(
                f"SLIPWAY_TRUSTED_KEYS: {cause}; make a pair with: slipway signing create NAME"
            ) from cause

    def check_manifest(self, content: bytes, signature: bytes | None, where: str) -> None:
        """Check the bytes of a manifest against those of `manifest.sig`. Raises `Refused`, or only logs it."""
        self._judge(where, lambda: self._manifest(content, signature))

    def check_aliases(self, app: str, aliases: Aliases) -> None:
        """Check an app's aliases, and remember their number. Raises `Refused`, or only logs it."""
        known, until = self._accepted.get(app, (None, 0.0))
        if known == aliases and time.monotonic() < until:
            return
        self._judge(app, lambda: self._aliases(app, aliases))

    def why_not(self, content: bytes, signatures: Sequence[Signature]) -> str:
        """Why none of the signatures counts for these bytes; empty if one does."""
        self._look()
        reasons = []
        for one in signatures:
            reason = self._wrong(content, one)
            if not reason:
                return ""
            reasons.append(reason)
        return "; ".join(reasons) or "is not signed"

    def _judge(self, where: str, check: Callable[[], None]) -> None:
        try:
            check()
        except Refused as refusal:
            if self.enforced:
                raise
            text = f"{where}: {refusal}"
            if text not in self._warned:
                self._warned.add(text)
                log.warning("served although it would be refused with SLIPWAY_SIGNATURES=enforce: %s", text)

    def _manifest(self, content: bytes, signature: bytes | None) -> None:
        if signature is None:
            raise Refused(f"{SIGNATURE_NAME}: the version is not signed")
        try:
            envelope = msgspec.json.decode(signature, type=Envelope)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as cause:
            raise Refused(f"{SIGNATURE_NAME}: {cause}") from cause
        if reason := self.why_not(manifest_bytes(content), envelope.signatures):
            raise Refused(f"{SIGNATURE_NAME}: {reason}")

    def _aliases(self, app: str, aliases: Aliases) -> None:
        highest = self._highest.get(app, 0)
        if aliases == Aliases():
            if highest:
                raise Refused(
                    f"{ALIASES_NAME}: is empty or gone, and its number {highest:.0f} was accepted before"
                )
            return
        if reason := self.why_not(aliases_payload(app, aliases), aliases.signatures):
            raise Refused(f"{ALIASES_NAME}: {reason}")
        if aliases.number < highest:
            raise Refused(
                f"{ALIASES_NAME}: is an older file: its number is {aliases.number}, and {highest:.0f} was accepted"
            )
        if aliases.number > highest:
            self._accept(app, aliases.number)
        self._accepted[app] = aliases, time.monotonic() + RECHECK_SECONDS

    def _accept(self, app: str, number: int) -> None:
        self._highest[app] = number
        if self._remembered is None:
            return
        try:
            raise_numbers(self._remembered, {app: number})
        except OSError as cause:
            log.warning("the number of the aliases of %s was not written: %s", app, cause.strerror or cause)

    def _wrong(self, content: bytes, signature: Signature) -> str:
        """What is wrong with one signature; empty for a good one."""
        key = self._keys.get(signature.key)
        if key is None:
            return f"is signed with the key {signature.key[:16]!r}, which is not trusted here"
        try:
            _public_key(key.raw).verify(base64.b64decode(signature.value, validate=True), content)
        except Exception:  # noqa: BLE001 - a wrong signature, and one that is no signature at all
            return f"was not signed with the key {key.name} as it is"
        state = key.state()
        return "" if state == "active" else f"is signed with the key {key.name}, which is {state}"

    def _look(self) -> None:
        """Read the keys again once a second, where somebody asks."""
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        try:
            self._keys = read_trusted(self._folder)
        except TrustError as cause:
            log.error("the trusted keys stay as they were: %s", cause)


def _public_key(raw: bytes) -> Verifies:
    """Raises `TrustError` without the library."""
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError as cause:
        raise TrustError(INSTALL) from cause
    key: Verifies = Ed25519PublicKey.from_public_bytes(raw)
    return key
