from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from slipway_client import AsyncClient, Client, Unavailable
from slipway_client.transport.pools import AsyncPool, Pool
from tests.slipway_client.faulty import Faulty, answer, close_after, hold


def test_errors_are_those_of_httpx_and_name_the_request() -> None:
    with Faulty([answer(), close_after(answer()[:-1]), hold()]) as server:
        with httpx.Client(transport=Pool(ssl.create_default_context(), 60), timeout=0.2) as client:
            assert client.get(f"{server.url}/a?b=c").json() == {}
            assert server.asked[0].line == "GET /a?b=c HTTP/1.1"
            with pytest.raises(httpx.RemoteProtocolError) as cut:
                client.get(server.url)
            with pytest.raises(httpx.ReadTimeout) as late:
                client.get(server.url)
            assert cut.value.request.url == late.value.request.url == server.url
    with httpx.Client(transport=Pool(ssl.create_default_context(), 60)) as client:
        with pytest.raises(httpx.ConnectError):
            client.get(server.url)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A file with a key and a certificate for this machine that nobody trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    text = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path / "server.pem"
    path.write_bytes(text + made.public_bytes(pem))
    return path


def test_certificates_are_checked_and_may_be_ones_own(certificate: Path) -> None:
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate)
    own = ssl.create_default_context(cafile=certificate)

    async def models(transport: httpx.AsyncBaseTransport | None) -> list[str]:
        async with AsyncClient(server.url, retries=0, transport=transport) as client:
            await client.models()
            return await client.models()

    with Faulty([answer(body=b'{"models": ["m"]}')], tls=served) as server:
        with (
            Client(server.url, retries=0) as client,
            pytest.raises(Unavailable, match="certificate verify failed"),
        ):
            client.models()
        with pytest.raises(Unavailable, match="certificate verify failed"):
            asyncio.run(models(None))
        with Client(server.url, transport=Pool(own, 60)) as client:
            assert client.models() == client.models() == ["m"]
        assert asyncio.run(models(AsyncPool(own, 60))) == ["m"]
        assert {asked.connection for asked in server.asked} == {3, 4}, "connections are used again"
