"""The one place where a request's caller is found out: what every door asks, before anything else is done.

Doors ask nobody while no way to identify callers is configured. Then everything is allowed, which is meant for
loopback.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

from serving.edge.identity.api_keys import ApiKeys
from serving.edge.identity.identity import ANONYMOUS, OPEN, Identity, check_scopes
from serving.edge.identity.key_file import KeyFileError
from serving.edge.identity.last_use import FILE, LastUse
from serving.edge.identity.tokens import KeySet, TokenError, Tokens
from serving.kernel.errors import TooManyRequests, Unauthenticated
from serving.kernel.settings import Settings, SettingsError

__all__ = ["Callers", "Failures", "TrustedHeader"]

MOST_FAILURES = 30
WINDOW_SECONDS = 60.0
REMEMBERED_PEERS = 4096


class Callers:
    """Identifies callers in the ways that the settings name."""

    def __init__(
        self,
        keys: ApiKeys | None = None,
        tokens: Tokens | None = None,
        header: TrustedHeader | None = None,
    ) -> None:
        self._keys = keys
        self._tokens = tokens
        self._header = header
        self._failures = Failures()
        self.asked = any(way is not None for way in (keys, tokens, header))
        """Whether callers have to show who they are."""

    @classmethod
    def of(cls, settings: Settings) -> Callers:
        """Raises `SettingsError` naming the variable, where a file or an issuer cannot be used."""
        return cls(_keys(settings), _tokens(settings), _header(settings))

    def identify(self, headers: Mapping[bytes, bytes], peer: str) -> Identity:
        """Who sends a request with these headers from the address `peer`.

        Raises `Unauthenticated` for a key or token that is not valid, and `TooManyRequests` for one more of a peer
        that has shown too many of them. A request that shows nothing is anonymous: `Identity.require` decides.
        """
        if not self.asked:
            return OPEN
        if self._header is not None:
            named = self._header.identify(headers, peer)
            if named is not None:
                return named
        shown = _credential(headers)
        if shown is None:
            return ANONYMOUS
        try:
            return self._verified(shown)
        except Unauthenticated:
            # Only who fails is held up: behind a load balancer, all clients have one address.
            self._failures.check(peer)
            self._failures.note(peer)
            raise

    def close(self) -> None:
        """Write down which keys were used last."""
        if self._keys is not None:
            self._keys.close()

    def _verified(self, shown: str) -> Identity:
        if shown.startswith("slw_"):
            if self._keys is not None:
                return self._keys.identify(shown)
        elif self._tokens is not None:
            return self._tokens.identify(shown)
        raise Unauthenticated("this server does not take that kind of key or token")


class Failures:
    """Counts what a peer has shown in vain, so that nobody can try many keys. Bounded in peers."""

    def __init__(self) -> None:
        self._peers: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def check(self, peer: str) -> None:
        """Raises `TooManyRequests` once a peer has failed too often."""
        began, count = self._peers.get(_network(peer), (0.0, 0))
        left = began + WINDOW_SECONDS - time.monotonic()
        if count >= MOST_FAILURES and left > 0:
            raise TooManyRequests("too many keys or tokens from this address were not valid", int(left) + 1)

    def note(self, peer: str) -> None:
        """One more was not valid."""
        now, peer = time.monotonic(), _network(peer)
        began, count = self._peers.pop(peer, (now, 0))
        self._peers[peer] = (now, 1) if now - began > WINDOW_SECONDS else (began, count + 1)
        if len(self._peers) > REMEMBERED_PEERS:
            self._peers.popitem(last=False)


class TrustedHeader:
    """The header in which a proxy that authenticates names its caller. Only those proxies are believed."""

    def __init__(self, name: str, proxies: tuple[str, ...], scopes: tuple[str, ...]) -> None:
        """Raises `ValueError` for what is not a network, and for a scope that does not exist."""
        self._name = name.lower().encode()
        self._networks = [ipaddress.ip_network(proxy) for proxy in proxies]
        self._scopes = check_scopes(scopes)

    def identify(self, headers: Mapping[bytes, bytes], peer: str) -> Identity | None:
        """None: the header is not there, or does not come from a proxy."""
        named = headers.get(self._name)
        if not named or not self._is_proxy(peer):
            return None
        subject = named.decode("latin-1")[:200]
        return Identity(subject, f"proxy:{subject}", scopes=self._scopes)

    def _is_proxy(self, peer: str) -> bool:
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        return any(address in network for network in self._networks)


def _network(peer: str) -> str:
    """Who has one address of IPv6 has as many as there are in a /64."""
    try:
        return str(ipaddress.ip_network(f"{peer}/64", strict=False)) if ":" in peer else peer
    except ValueError:
        return peer


def _credential(headers: Mapping[bytes, bytes]) -> str | None:
    """The key or token of a request; None: it shows none. Raises `Unauthenticated` for another scheme."""
    key, given = headers.get(b"x-api-key"), headers.get(b"authorization")
    if given is None:
        return None if key is None else key.decode("latin-1")
    if key is not None:
        raise Unauthenticated("send `authorization` or `x-api-key`, not both")
    scheme, _, value = given.decode("latin-1").partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated("`authorization` must be `Bearer` and a key or token")
    return value.strip()


def _keys(settings: Settings) -> ApiKeys | None:
    if not settings.key_folder:
        return None
    try:
        return ApiKeys(Path(settings.key_folder), LastUse(settings.home / FILE))
    except KeyFileError as cause:
        raise SettingsError(f"SLIPWAY_KEY_FOLDER: {cause}; make it with: slipway keys create") from cause


def _tokens(settings: Settings) -> Tokens | None:
    if not settings.jwt_keys:
        return None
    if not (settings.jwt_issuer and settings.jwt_audience):
        raise SettingsError("SLIPWAY_JWT_KEYS: needs SLIPWAY_JWT_ISSUER and SLIPWAY_JWT_AUDIENCE beside it")
    try:
        keys = KeySet(settings.jwt_keys)
    except TokenError as cause:
        raise SettingsError(f"SLIPWAY_JWT_KEYS: {cause}") from cause
    claims = settings.jwt_scope_claim, settings.jwt_tenant_claim
    return Tokens(keys, settings.jwt_issuer, settings.jwt_audience, *claims)


def _header(settings: Settings) -> TrustedHeader | None:
    if not settings.identity_header:
        return None
    if not settings.identity_proxies:
        raise SettingsError("SLIPWAY_IDENTITY_HEADER: needs SLIPWAY_IDENTITY_PROXIES, whose header is believed")
    try:
        return TrustedHeader(settings.identity_header, settings.identity_proxies, settings.identity_scopes)
    except ValueError as cause:
        raise SettingsError(f"SLIPWAY_IDENTITY_PROXIES or SLIPWAY_IDENTITY_SCOPES: {cause}") from cause
