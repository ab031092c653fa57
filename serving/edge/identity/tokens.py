"""JSON Web Tokens: signed by an issuer whose public keys come from a JWKS, as a file or from a URL."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from serving.edge.identity.exposure import is_loopback
from serving.edge.identity.identity import Identity, check_scopes
from serving.kernel.errors import Unauthenticated

__all__ = ["KeySet", "TokenError", "Tokens"]

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
"""Those with public keys. A token cannot choose another, above all not `none` or one with a shared secret."""
LEEWAY_SECONDS = 30
LONGEST_TOKEN = 8192
REMEMBERED = 4096
"""Verified tokens that are not verified once more until they expire, each for at most `RECHECK_SECONDS`."""
RECHECK_SECONDS = 60.0
REFRESH_SECONDS = 300.0
RETRY_SECONDS = 10.0
FETCH_SECONDS = 5.0
LARGEST = 1 << 20
INSTALL = "JSON Web Tokens need PyJWT: pip install 'slipway[auth]'"

log = logging.getLogger(__name__)


class TokenError(ValueError):
    """The keys of the issuer cannot be used. The message names the file or the URL."""


class KeySet:
    """The public keys of an issuer, by id. Reads them when it is made, and again in a thread of its own.

    Raises `TokenError` if the first reading fails; later the last keys stay.
    """

    def __init__(self, source: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._clock = clock
        self._read_at = clock()
        self._keys = _parse(source, _fetch(source))
        self._reading = threading.Lock()

    def get(self, key_id: str | None) -> Any:
        """The key with this id, or the only one for a token without; None: not known now."""
        age = self._clock() - self._read_at
        found = self._keys.get(key_id or "") or (
            next(iter(self._keys.values())) if not key_id and len(self._keys) == 1 else None
        )
        if age > REFRESH_SECONDS or (found is None and age > RETRY_SECONDS):
            self._refresh()
        return found

    def _refresh(self) -> None:
        if self._reading.acquire(blocking=False):
            self._read_at = self._clock()
            threading.Thread(target=self._read, name="jwks", daemon=True).start()

    def _read(self) -> None:
        try:
            self._keys = _parse(self._source, _fetch(self._source))
        except TokenError as cause:
            log.error("the issuer's keys stay as they were: %s", cause)
        finally:
            self._reading.release()


class Tokens:
    """Verifies tokens: their signature, issuer, audience and times."""

    def __init__(self, keys: KeySet, issuer: str, audience: str, scope_claim: str, tenant_claim: str) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._scope_claim = scope_claim
        self._tenant_claim = tenant_claim
        self._known: dict[bytes, tuple[float, Identity]] = {}

    def identify(self, token: str) -> Identity:
        """The subject of a token. Raises `Unauthenticated`."""
        if len(token) > LONGEST_TOKEN:
            raise Unauthenticated(f"the token has more than {LONGEST_TOKEN} characters")
        name = hashlib.sha256(token.encode()).digest()
        known = self._known.get(name)
        if known is not None and known[0] > time.time():
            return known[1]
        claims = self._verified(token)
        identity = self._identity(claims)
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[name] = (min(float(claims["exp"]), time.time() + RECHECK_SECONDS), identity)
        return identity

    def _verified(self, token: str) -> dict[str, Any]:
        import jwt

        try:
            head = jwt.get_unverified_header(token)
            key = self._keys.get(head.get("kid"))
            if key is None:
                raise Unauthenticated("the token is signed with a key that is not known here")
            allowed = [key.algorithm_name] if key.algorithm_name in ALGORITHMS else []
            return jwt.decode(
                token,
                key,
                algorithms=allowed,
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud", "sub"], "enforce_minimum_key_length": True},
            )
        except jwt.ExpiredSignatureError as cause:
            raise Unauthenticated("the token has expired") from cause
        except jwt.InvalidTokenError as cause:
            raise Unauthenticated("the token is not valid") from cause

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        """Scopes that Slipway does not know are for others."""
        stated = claims.get(self._scope_claim, ())
        words = stated.split() if isinstance(stated, str) else stated if isinstance(stated, list) else ()
        scopes = frozenset(word for word in words[:1000] if isinstance(word, str) and _is_scope(word))
        subject, tenant = str(claims["sub"])[:200], str(claims.get(self._tenant_claim, ""))[:200]
        return Identity(subject, f"token:{subject}", tenant, scopes)


def _is_scope(word: str) -> bool:
    try:
        check_scopes((word,))
    except ValueError:
        return False
    return True


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Who can redirect a request could name other keys, over plain HTTP."""

    def redirect_request(self, *_: Any) -> None:
        """No new request: the redirection is an error."""


def _is_private(source: str) -> bool:
    """Whether nobody on the way can change what the URL answers with; not for files."""
    try:
        url = urlsplit(source)
        host = url.hostname or ""
    except ValueError:
        return False
    return (url.scheme == "https" and host != "") or (url.scheme == "http" and is_loopback(host))


def _fetch(source: str) -> bytes:
    try:
        if _is_private(source):
            with urllib.request.build_opener(_NoRedirect).open(source, timeout=FETCH_SECONDS) as answer:
                data: bytes = answer.read(LARGEST + 1)
        elif "://" in source:
            raise TokenError(f"{source}: must be a file or an https:// URL")
        else:
            with Path(source).open("rb") as file:
                data = file.read(LARGEST + 1)
    except OSError as cause:
        raise TokenError(f"{source}: {cause}") from cause
    if len(data) > LARGEST:
        raise TokenError(f"{source}: more than {LARGEST} bytes")
    return data


def _parse(source: str, data: bytes) -> dict[str, Any]:
    try:
        import jwt
    except ImportError as cause:
        raise TokenError(INSTALL) from cause
    try:
        found = jwt.PyJWKSet.from_dict(json.loads(data))
    except (jwt.PyJWTError, ValueError, AttributeError, TypeError, RecursionError) as cause:
        raise TokenError(f"{source}: not a JWKS with usable keys") from cause
    keys = {key.key_id or "": key for key in found.keys if key.algorithm_name in ALGORITHMS}
    if not keys:
        raise TokenError(f"{source}: no key for one of {', '.join(ALGORITHMS)}")
    return keys
