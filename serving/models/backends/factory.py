"""Opens the backend of a version. Its kind is in the app's values; `SLIPWAY_BACKEND` overrides it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from serving.kernel.app import App
from serving.kernel.app_values import batching_of, load_values
from serving.kernel.backend import Backend
from serving.kernel.settings import Settings
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.version_files import Refused
from serving.kernel.storage.version_manifest import CONFIG_NAME, MODEL_NAME, Manifest
from serving.models.backends.presence import Presence
from serving.observe.metrics import Metrics, VersionMetrics

if TYPE_CHECKING:
    from ray.serve.handle import DeploymentHandle

    from serving.models.backends.onnx_session import Sessions
    from serving.models.backends.triton_server.channel import TritonChannel

__all__ = ["Backends", "kind_of"]


def kind_of(app: App[Any, Any, Any], settings: Settings) -> str:
    """`fused`, `replica` or `triton`."""
    return settings.backend or load_values(app.folder).backend


class Backends:
    """Opens backends for the catalog, and owns the sessions, the channel and the presences that they share."""

    def __init__(
        self, settings: Settings, repository: Repository, metrics: Metrics, handles: Mapping[str, DeploymentHandle]
    ) -> None:
        """`handles` are the model replicas' deployments by app, for the backend `replica`."""
        self._settings = settings
        self._repository = repository
        self._metrics = metrics
        self._handles = handles
        self._sessions: Sessions | None = None
        self._channel: TritonChannel | None = None
        self._presences: dict[str, Presence] = {}

    async def open(self, app: App[Any, Any, Any], manifest: Manifest) -> Backend:
        """Open one version. Raises `Refused`, and whatever the engine raises."""
        observer = self._metrics.version(app.name, manifest.version)
        try:
            return await self._open(app, manifest, observer)
        except BaseException:  # whatever was raised, no batch follows
            observer.closed()
            raise

    async def _open(self, app: App[Any, Any, Any], manifest: Manifest, observer: VersionMetrics) -> Backend:
        # A version from a folder of Triton's layout has no graph that another backend could run.
        kind = "triton" if CONFIG_NAME in manifest.files else kind_of(app, self._settings)
        batching = batching_of(app)
        if kind == "replica":
            if app.name not in self._handles:
                raise Refused(
                    f"{app.name} runs as `replica`, and this gateway has no model replicas for it: they start "
                    "with a gateway on Ray; restart it, or write `backend: fused` into values.yaml"
                )
            from serving.models.backends.replica import open_replica

            presence = self._replicas(app.name)
            return open_replica(
                self._handles[app.name],
                manifest.version,
                app.inputs,
                app.outputs,
                batching,
                observer,
                available=lambda: presence.is_there,
            )
        if kind == "triton":
            from serving.models.backends.triton_server.channel import open_triton

            return open_triton(
                self._triton(),
                app.name,
                manifest.version,
                app.inputs,
                app.outputs,
                batching,
                observer,
                row_axis=app.row_axis,
            )
        from serving.models.backends.onnx_local import open_fused
        from serving.models.backends.onnx_session import Sessions

        self._sessions = self._sessions or Sessions(self._settings.onnx_providers, self._settings.home / "cache")
        return await asyncio.to_thread(
            open_fused,
            self._repository.folder(app.name, manifest.version) / MODEL_NAME,
            app.inputs,
            batching,
            observer,
            sessions=self._sessions,
            digest=manifest.fingerprint,
            steady=not app.unsteady,
        )

    async def close(self) -> None:
        """Close what is shared."""
        await asyncio.gather(*(presence.stop() for presence in self._presences.values()))
        if self._channel is not None:
            await self._channel.close()

    def _replicas(self, app: str) -> Presence:
        """Whether the model replicas of an app answer; asked once for all its versions."""
        if app not in self._presences:
            from serving.models.backends.replica import presence_of

            self._presences[app] = presence_of(self._handles[app])
            self._presences[app].start()
        return self._presences[app]

    def _triton(self) -> TritonChannel:
        if self._channel is None:
            from serving.models.backends.triton_server.channel import TritonChannel

            self._channel = TritonChannel(self._settings.triton_url, self._settings.triton_shared_memory)
        return self._channel
