"""`slipway signing create`, `list`, `revoke` and `sign`: the keys that sign versions, and what they sign."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from control.commands.locks.keys import NAME, date, seconds
from control.console import note, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from serving.kernel.storage.trusted_keys import TrustedKey

__all__ = [
    "CREATE_EPILOG",
    "LIST_EPILOG",
    "REVOKE_EPILOG",
    "SIGN_EPILOG",
    "create",
    "list",
    "revoke",
    "sign",
]

CREATE_EPILOG = "Example:  slipway signing create release --expires 365d"
LIST_EPILOG = "Examples:  slipway signing list   |   slipway signing list --json"
REVOKE_EPILOG = "Example:  slipway signing revoke release"
SIGN_EPILOG = "Examples:  slipway signing sign   |   slipway signing sign --app price"
COLUMNS = ("id", "name", "state", "created", "expires")

Name = Annotated[str, typer.Argument(help="The key's name, as `slipway signing list` shows it.")]
Trusted = Annotated[
    Path | None,
    typer.Option("--trusted", help="Folder with the public keys.", show_default="SLIPWAY_TRUSTED_KEYS"),
]


def create(
    name: Name,
    key: Annotated[
        Path | None,
        typer.Option(
            "--key", help="File for the private key.", show_default="NAME.pem below SLIPWAY_HOME/signing"
        ),
    ] = None,
    trusted: Trusted = None,
    expires: Annotated[str, typer.Option(help="How long its signatures count: `365d`; empty: for ever.")] = "",
) -> None:
    """Make a pair of keys: a private one that signs, and a public one that gateways trust.

    Keep the private key where versions are trained and promoted, and the public one where gateways run. Neither
    belongs in the model repository.

    What a key signed does not count any more once the key has expired or is revoked: sign it with the next key
    before that, with `slipway signing sign`.
    """
    from msgspec.json import encode, format

    from serving.kernel.storage.private_files import private_folder

    if not NAME.fullmatch(name) or name.startswith("."):
        raise typer.BadParameter("must be 1 to 100 letters, digits, or any of _ . @ -", param_hint="NAME")
    private = (key or _home() / "signing" / f"{name}.pem").absolute()
    public = _folder(trusted) / f"{name}.json"
    now = time.time()
    until = now + seconds(expires, "--expires") if expires else 0.0
    for path in (private, public):
        if path.exists():
            raise typer.BadParameter(f"{path} already exists; give another name")
    made = _pair(name, now, until)
    private_folder(private.parent)
    public.parent.mkdir(parents=True, exist_ok=True)
    _write(private, made[0], 0o600)
    _write(public, format(encode(made[1]), indent=2) + b"\n", 0o644)
    note(f"key {made[1].id} of {name}; it {f'expires on {date(until)}' if until else 'does not expire'}")
    note(f"to sign what is published:     export SLIPWAY_SIGNING_KEY={private}")
    note(f"to refuse what is not signed:  export SLIPWAY_TRUSTED_KEYS={public.parent}")
    note("versions that were published before are signed with: slipway signing sign")


def list(  # noqa: A001 - the word of the command
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    trusted: Trusted = None,
) -> None:
    """Show the public keys whose signatures count, and those that are expired or revoked."""
    rows = [_described(key) for key in _keys(_folder(trusted)).values()]
    if as_json:
        print_json(rows)
    else:
        print_table(COLUMNS, [[row[column] for column in COLUMNS] for row in rows])


def revoke(name: Name, trusted: Trusted = None) -> None:
    """Make a key's signatures invalid for good.

    A running gateway takes it in within a second: versions that are loaded go on answering, and it loads none
    that only this key signed. Copy the changed file to wherever gateways run.
    """
    from msgspec.json import encode, format
    from msgspec.structs import replace

    folder = _folder(trusted)
    keys = _keys(folder)
    found = next((key for key in keys.values() if name in (key.name, key.id)), None)
    if found is None:
        raise typer.BadParameter(f"no key {name[:40]!r}; `slipway signing list` shows those there are")
    if not found.revoked:
        path = next(path for path in folder.glob("*.json") if found.public_key in path.read_text())
        content = format(encode(replace(found, revoked=time.time())), indent=2) + b"\n"
        new = path.with_name(f".{path.name}")
        _write(new, content, 0o644)
        new.replace(path)
    note(f"key {found.id} of {found.name} is revoked")


def sign(
    app: Annotated[str, typer.Option("--app", help="Only this app or added model.")] = "",
    version: Annotated[int, typer.Option("--version", min=0, help="Only this version; 0: all of them.")] = 0,
) -> None:
    """Sign versions and aliases of the model repository with SLIPWAY_SIGNING_KEY, beside the keys that did before.

    Look at what is there before you sign it: `slipway repository verify` checks digests, not where it came from.
    """
    from control.commands.common import plain_name
    from control.errors import CommandError
    from serving.kernel.settings import Settings, read
    from serving.kernel.storage.model_repository import Repository
    from serving.kernel.storage.version_files import Refused
    from training.publish.repository import set_aliases
    from training.publish.repository import sign as sign_version
    from training.publish.signer import signer

    key = signer()
    if key is None:
        raise CommandError("SLIPWAY_SIGNING_KEY is not set; make a key with: slipway signing create NAME")
    root = read(Settings).model_repository
    repository = Repository(root)
    there = [plain_name(app)] if app else [name for name in repository.models() if repository.versions(name)]
    for name in there:
        numbers = [number for number in repository.versions(name) if version in (0, number)]
        if not numbers:
            raise CommandError(f"{name} has no version {version or ''} in {root}".replace("  ", " "))
        for number in numbers:
            sign_version(root, name, number, key)
        try:
            found = repository.aliases(name)
        except Refused as cause:
            raise CommandError(f"{name}/{cause}; `slipway repository sync {name}` rewrites it") from cause
        if found.champion is not None or found.challenger is not None:
            set_aliases(root, name, found)
        note(f"{name}: signed {', '.join(map(str, numbers))}")


def _pair(name: str, created: float, expires: float) -> tuple[bytes, TrustedKey]:
    import base64

    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from serving.kernel.storage.trusted_keys import TrustedKey, public_bytes

    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem, TrustedKey(name, base64.b64encode(public_bytes(key)).decode(), created, expires)


def _write(path: Path, content: bytes, mode: int) -> None:
    import os

    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _home() -> Path:
    from serving.kernel.settings import Settings, read

    return read(Settings).home


def _folder(given: Path | None) -> Path:
    from serving.kernel.settings import Settings, read

    settings = read(Settings)
    stated = Path(settings.trusted_keys) if settings.trusted_keys else settings.home / "trusted-keys"
    return (given or stated).absolute()


def _keys(folder: Path) -> Mapping[str, TrustedKey]:
    from control.errors import CommandError
    from serving.kernel.storage.trusted_keys import TrustError, read_trusted

    try:
        return read_trusted(folder)
    except TrustError as cause:
        raise CommandError(f"{cause}; the first key is made with: slipway signing create NAME") from cause


def _described(key: TrustedKey) -> dict[str, str]:
    return {
        "id": key.id,
        "name": key.name,
        "state": key.state(),
        "created": date(key.created),
        "expires": date(key.expires) if key.expires else "never",
    }
