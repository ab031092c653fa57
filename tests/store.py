"""A real S3-compatible server, and a proxy before it that refuses or holds what a test wants."""

from __future__ import annotations

import http.client
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.loopback import Handler, Loopback

SECRET = "hunter2-is-the-secret"
HOP = ("connection", "transfer-encoding", "content-length", "keep-alive")
ERROR = b"<?xml version='1.0'?><Error><Code>%s</Code><Message>%s</Message></Error>"


@dataclass(frozen=True)
class Store:
    """Where it listens; objects are read without credentials, as a stranger would."""

    url: str

    def make(self, bucket: str) -> str:
        """A new, empty bucket."""
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/{bucket}", method="PUT")).close()
        return f"s3://{bucket}"

    def put(self, path: str, content: bytes) -> None:
        """Put an object, `bucket/key`."""
        kind = {"content-type": "application/octet-stream"}
        request = urllib.request.Request(f"{self.url}/{path}", content, kind, method="PUT")
        urllib.request.urlopen(request, timeout=60).close()

    def reset(self) -> None:
        """Forget every bucket."""
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/moto-api/reset", method="POST")).close()


Verdict = tuple[int, str] | None
"""A status and an S3 error code to answer with; None passes the request on."""


@dataclass
class Proxy(Loopback):
    """Listens before a store. `judge` sees each request's method and path first and may wait, too."""

    target: Store
    judge: Callable[[str, str], Verdict] = lambda method, path: None
    seen: list[tuple[str, str]] = field(default_factory=list)

    def handler(self) -> type[Handler]:
        proxy = self

        class Answers(Handler):
            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                proxy.seen.append((self.command, self.path))
                verdict = proxy.judge(self.command, self.path)
                if verdict is not None:
                    status, code = verdict
                    self.answer(status, {}, ERROR % (code.encode(), b"the proxy says so"))
                    return
                host = proxy.target.url.removeprefix("http://")
                back = http.client.HTTPConnection(host, timeout=60)
                back.request(self.command, self.path, body, dict(self.headers))
                found = back.getresponse()
                content = found.read()
                self.answer(found.status, dict(found.getheaders()), content, found.getheader("content-length"))
                back.close()

            def answer(
                self, status: int, headers: dict[str, str], content: bytes, length: str | None = None
            ) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    if name.lower() not in HOP:
                        self.send_header(name, value)
                self.send_header("content-length", length or str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any

        return Answers

    def puts(self) -> list[str]:
        """Paths that were written, in order."""
        return [path.partition("?")[0] for method, path in self.seen if method == "PUT"]
