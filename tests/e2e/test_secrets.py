"""What is secret stays in the environment and in its own file, while versions are trained, signed and asked."""

from __future__ import annotations

import stat
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from control.stack import processes
from tests.e2e.conftest import SECRETS, Stack
from tests.processes import command_line

pytestmark = [pytest.mark.slow, pytest.mark.stack]

PAGES = ("/docs", "/metrics", "/openapi.json", "/v1/models", "/v2", "/v2/models/vendor/stats")


@pytest.fixture(scope="module")
def secrets(stack: Stack) -> list[bytes]:
    """Those of the environment, and the lines of the private key."""
    pem = Path(stack.environ["SLIPWAY_SIGNING_KEY"]).read_bytes().splitlines()
    return [*(one.encode() for one in SECRETS.values()), *(line for line in pem if not line.startswith(b"---"))]


def test_no_file_of_the_stack_has_a_secret(stack: Stack, secrets: list[bytes]) -> None:
    found = [path for path in files(stack.folder) if any(secret in path.read_bytes() for secret in secrets)]
    assert found == [Path(stack.environ["SLIPWAY_SIGNING_KEY"])]
    assert stat.S_IMODE(found[0].stat().st_mode) == 0o600


def test_no_command_line_and_no_page_has_a_secret(stack: Stack, secrets: list[bytes]) -> None:
    lines = [command_line(process) for process in processes.marked(stack.state["stack_id"])]
    assert len(lines) > 5
    assert not [line for line in lines if any(secret.decode() in line for secret in secrets)]
    for page in PAGES:
        with urllib.request.urlopen(f"http://{stack.http}{page}", timeout=60) as answer:
            body = answer.read()
        assert body and not any(secret in body for secret in secrets), page


def test_other_users_cannot_look_into_the_home_folder(stack: Stack) -> None:
    """As root, PostgreSQL is another user, who may pass through."""
    assert stat.S_IMODE(stack.home.stat().st_mode) & 0o066 == 0


def files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())
