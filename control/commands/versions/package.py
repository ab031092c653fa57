"""`slipway package`: package a version for BentoML, a container or Triton."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from control.console import note, print_json, stdout

__all__ = ["EPILOG", "package"]

EPILOG = (
    "Examples:  slipway package price --format triton   |   "
    "slipway package price --format bento --version 3   |   "
    "slipway package price --format image --alias challenger --out build"
)


class Format(StrEnum):
    """What can serve the package."""

    BENTO = "bento"
    IMAGE = "image"
    TRITON = "triton"


def package(
    app: Annotated[str, typer.Argument(help="Name of the app, such as price.")],
    kind: Annotated[
        Format,
        typer.Option(
            "--format",
            help="bento: a BentoML service of the whole app. image: a build context on the gateway's image. "
            "triton: a model repository in an archive, tensors only.",
        ),
    ],
    version: Annotated[int, typer.Option(min=0, help="This version; 0: the champion, else the newest.")] = 0,
    alias: Annotated[str, typer.Option(help="Package the champion or the challenger.")] = "",
    out: Annotated[Path, typer.Option(help="Folder for the package.")] = Path("dist"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Write a published version as a package that BentoML, a container or a Triton elsewhere can serve.

    The command first checks the version's files against their digests. It prints the path of the package and the
    commands that come next, and builds or pushes nothing else.
    """
    from control.package import bento, image, triton
    from control.package.chosen import choose
    from control.settings import StackSettings
    from serving.kernel.settings import read

    writers = {Format.BENTO: bento.write, Format.IMAGE: image.write, Format.TRITON: triton.write}
    chosen = choose(read(StackSettings).model_repository, app, version, alias)
    made = writers[kind](chosen, out)
    if as_json:
        facts = {"app": chosen.app.name, "version": chosen.version, "format": kind.value}
        print_json({**facts, "path": str(made.path), "bytes": made.bytes, "next": list(made.commands)})
        return
    stdout().print(str(made.path), markup=False)
    note(f"{chosen.app.name} version {chosen.version}, {made.bytes / 2**20:.1f} MiB. Next:")
    for command in made.commands:
        note(f"  {command}")
