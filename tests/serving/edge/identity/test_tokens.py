from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from serving.edge.identity.tokens import KeySet, TokenError, Tokens
from serving.kernel.errors import Unauthenticated

ISSUER, AUDIENCE = "https://issuer.example", "slipway"
KEY, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()


def jwks(**keys: Ed25519PrivateKey) -> str:
    public = {name: OKPAlgorithm.to_jwk(key.public_key(), as_dict=True) for name, key in keys.items()}
    return json.dumps({"keys": [{**key, "kid": name} for name, key in public.items()]})


def token(key: Ed25519PrivateKey = KEY, kid: str | None = "one", **claims: Any) -> str:
    usual = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "ann",
        "exp": time.time() + 300,
        "scope": "predict:price mail",
    }
    kept = {name: value for name, value in {**usual, **claims}.items() if value is not None}
    return jwt.encode(kept, key, "EdDSA", {"kid": kid} if kid else None)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Tokens]:
    def made(**keys: Ed25519PrivateKey) -> Tokens:
        (tmp_path / "jwks.json").write_text(jwks(**(keys or {"one": KEY})))
        return Tokens(KeySet(str(tmp_path / "jwks.json")), ISSUER, AUDIENCE, "scope", "tenant")

    return made


def refused(tokens: Tokens, given: str, reason: str = "the token is not valid") -> None:
    for _ in range(2):
        with pytest.raises(Unauthenticated, match=f"^{reason}$"):
            tokens.identify(given)


def test_subject_tenant_and_the_scopes_that_exist_here(make: Callable[..., Tokens]) -> None:
    tokens = make()
    found = tokens.identify(token(tenant="acme"))
    assert (found.subject, found.tenant, found.client, found.scopes) == (
        "ann",
        "acme",
        "token:ann",
        {"predict:price"},
    )
    assert tokens.identify(token(scope=["operations", 3, "x"])).scopes == {"operations"}
    assert tokens.identify(token(scope=None)).scopes == frozenset()
    assert tokens.identify(token(kid=None)).subject == "ann"


def test_tokens_that_are_not_valid(make: Callable[..., Tokens]) -> None:
    tokens = make()
    good = token()
    head, body, signature = good.split(".")
    for wrong in (
        "",
        "a.b.c",
        good[:-4] + "AAAA",
        f"{head}.{body}.",
        token(OTHER),
        token(iss="https://other.example"),
        token(aud="other"),
        token(nbf=time.time() + 120),
        *(token(**{name: None}) for name in ("iss", "aud", "sub", "exp")),
    ):
        refused(tokens, wrong)
    refused(tokens, token(exp=time.time() - 60), "the token has expired")
    refused(tokens, token(kid="two"), "the token is signed with a key that is not known here")
    refused(tokens, good + "A" * 8192, "the token has more than 8192 characters")
    assert tokens.identify(token(exp=time.time() - 10)).subject == "ann"


def test_a_token_cannot_choose_its_algorithm(make: Callable[..., Tokens]) -> None:
    tokens = make()
    public = KEY.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "exp": time.time() + 300, "scope": "admin"}
    refused(tokens, jwt.encode(claims, public, "HS256", {"kid": "one"}))
    refused(tokens, jwt.encode(claims, None, "none", {"kid": "one"}))


def test_a_known_token_ends_with_its_time(make: Callable[..., Tokens], monkeypatch: pytest.MonkeyPatch) -> None:
    tokens, ends = make(), time.time() + 20
    given = token(exp=ends)
    assert tokens.identify(given) is tokens.identify(given)
    monkeypatch.setattr(time, "time", lambda: ends + 60)
    monkeypatch.setattr("jwt.api_jwt.datetime", _Clock(ends + 60))
    refused(tokens, given, "the token has expired")


class _Clock:
    """Stands for the class `datetime` in the library."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def now(self, tz: Any = None) -> _Clock:
        return self

    def timestamp(self) -> float:
        return self._seconds


def test_a_new_key_of_the_issuer_is_read_when_it_is_met(tmp_path: Path) -> None:
    now = 0.0
    (tmp_path / "jwks.json").write_text(jwks(one=KEY))
    keys = KeySet(str(tmp_path / "jwks.json"), lambda: now)
    (tmp_path / "jwks.json").write_text(jwks(two=OTHER))
    assert keys.get("two") is None
    now = 11.0
    deadline = time.monotonic() + 10
    while keys.get("two") is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert keys.get("one") is None
    (tmp_path / "jwks.json").write_text("{}")
    now = 1000.0
    assert keys.get("two") is not None
    time.sleep(0.05)
    assert keys.get("two") is not None


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"keys": []}', '{"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "a"}]}', "[" * 100_000],
)
def test_keys_that_cannot_be_used(tmp_path: Path, text: str) -> None:
    (tmp_path / "jwks.json").write_text(text)
    with pytest.raises(TokenError, match=r"jwks\.json: ") as caught:
        KeySet(str(tmp_path / "jwks.json"))
    assert "c2VjcmV0" not in str(caught.value)


def test_sources_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(TokenError, match="No such file"):
        KeySet(str(tmp_path / "none.json"))
    for url in (
        "http://issuer.example/jwks",
        "http://127.0.0.1.example/",
        "http://localhost@a.example/",
        "ftp://a",
    ):
        with pytest.raises(TokenError, match="must be a file or an https:// URL"):
            KeySet(url)


@pytest.fixture
def issuer() -> Iterator[str]:
    """The address of one that has its keys at /jwks, and sends callers there from anywhere else."""

    class Issuer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = jwks(one=KEY).encode()
            self.send_response(200 if self.path == "/jwks" else 302)
            self.send_header("location", "/jwks")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Issuer) as server:
        Thread(target=server.serve_forever, args=(0.01,)).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_keys_from_a_url(issuer: str) -> None:
    assert KeySet(f"{issuer}/jwks").get("one") is not None


def test_a_url_that_leads_elsewhere_is_refused(issuer: str) -> None:
    with pytest.raises(TokenError, match=f"{issuer}/moved: HTTP Error 302"):
        KeySet(f"{issuer}/moved")
