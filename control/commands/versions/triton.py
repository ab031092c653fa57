"""`slipway triton follow`: keep a running Triton current."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["FOLLOW_EPILOG", "follow"]

FOLLOW_EPILOG = (
    "Examples:  slipway triton follow /models --cpus 4   |   "
    "slipway triton follow /models --url 127.0.0.1:8001 --model price --gpus 1 --on-gpu price"
)


def follow(
    repository: Annotated[Path, typer.Argument(help="The model repository that Triton reads.")],
    url: Annotated[str, typer.Option(help="host:port of Triton's gRPC door.")] = "127.0.0.1:8001",
    model: Annotated[
        list[str] | None, typer.Option(help="Only this model, and what it uses; may be repeated.")
    ] = None,
    cpus: Annotated[int, typer.Option(min=1, help="CPU cores of Triton: instances of each model on CPUs.")] = 1,
    gpus: Annotated[int, typer.Option(min=0, help="GPUs of Triton.")] = 0,
    on_gpu: Annotated[
        list[str] | None, typer.Option("--on-gpu", help="A model that runs on the GPUs; may be repeated.")
    ] = None,
    every: Annotated[float, typer.Option(min=0, help="Seconds between two looks; 0: look once and exit.")] = 5,
    keep: Annotated[float, typer.Option(min=0, help="Seconds that a version stays without an alias.")] = 300,
    port: Annotated[int, typer.Option(min=0, help="Port of the report over HTTP; 0: no report.")] = 0,
    inference_service: Annotated[
        str, typer.Option(help="An InferenceService of this namespace whose status says what is served.")
    ] = "",
) -> None:
    """Load the versions that aliases name into a running Triton, and unload the others.

    Triton runs in the control mode `explicit`. Each model is loaded with the instances that fit this server, and
    new versions are loaded while the old ones answer. `GET /` on the report's port lists what Triton serves; `GET
    /ready` is 200 after the first look. With `--every 0`, the exit code is 1 if a model is not served as its
    aliases say.
    """
    import signal

    from control.triton.follow import Follower
    from control.triton.place import Place
    from control.triton.report import Report
    from control.triton.run import keep_current
    from control.triton.server import Server
    from control.triton.status import in_cluster
    from serving.kernel.settings import Settings, read
    from serving.kernel.storage.model_repository import Repository
    from serving.kernel.storage.signatures import Signatures

    stray = sorted(set(on_gpu or ()) - set(model)) if model else []
    if stray or (on_gpu and not gpus):
        raise typer.BadParameter(
            f"--on-gpu {stray[0]} needs --model {stray[0]}" if stray else "--on-gpu needs --gpus 1 or more"
        )
    # As the first process of a container it would not even end without a handler.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    place = Place(cpus=cpus, gpus=gpus, on_gpus=tuple(on_gpu or ()))
    source = Repository(repository, Signatures.of(read(Settings, model_repository=repository)))
    follower = Follower(source, Server(url), place, model or (), keep)
    status = in_cluster(inference_service) if inference_service else None
    if port:
        with Report(port) as report:
            served = keep_current(follower, every, report, status)
    else:
        served = keep_current(follower, every, None, status)
    raise typer.Exit(int(any(one.problem for one in served)))
