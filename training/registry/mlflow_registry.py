"""The model registry: the only user of MLflow. One experiment and one registered model per app."""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from serving.kernel.storage.version_manifest import Aliases, Metric
from training.errors import RegistryError
from training.recipe import Dataset, Split

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from training.registry.tuning_results import TrialResult

__all__ = ["Registry", "Version"]

SERVABLE = "servable"
"""Artifact folder of a run; it becomes the version folder."""
TIMEOUTS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
LONGEST_VALUE = 5000
PARENT = "mlflow.parentRunId"
"""The tag that makes MLflow show a run below another run."""
SEARCH, TRIAL = "slipway.search", "slipway.trial"
"""Tags of a trial: the id of its search, and its number in the search."""
ANSWERED = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
"""Errors of an MLflow that runs."""


@dataclass(frozen=True, kw_only=True)
class Version:
    """One registered version."""

    app: str
    version: int
    run_id: str
    created: str
    aliases: tuple[str, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def synthetic(self) -> bool:
        """Whether it was trained on generated data."""
        return self.tags.get("slipway.synthetic") == "true"


class Registry:
    """A client of the MLflow at a tracking URI. Every method raises `RegistryError` when MLflow fails."""

    def __init__(self, tracking_uri: str) -> None:
        self.tracking_uri = tracking_uri
        self._cached: MlflowClient | None = None

    @property
    def shown(self) -> str:
        """The URI without its password."""
        parts = urlsplit(self.tracking_uri)
        if parts.password is None:
            return self.tracking_uri
        return urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":***@")))

    def ping(self) -> None:
        """Check that the registry answers, before a long fit depends on it."""
        with self._client("reach the registry") as client:
            client.search_experiments(max_results=1)

    def start(self, app: str, name: str, tags: Mapping[str, Any]) -> str:
        """Open a run in the app's experiment; returns its id."""
        with self._client("open a run") as client:
            found = client.get_experiment_by_name(app)
            experiment = found.experiment_id if found else client.create_experiment(app, self._artifacts())
            texts = {key: str(value) for key, value in tags.items()}
            return str(client.create_run(experiment, tags=texts, run_name=name).info.run_id)

    def _artifacts(self) -> str | None:
        """The artifact folder beside an SQLite file; None for a server, which has its own."""
        _, found, path = self.tracking_uri.partition("sqlite:///")
        return (Path(path).resolve().parent / "artifacts").as_uri() if found else None

    def log(
        self,
        run_id: str,
        params: Mapping[str, Any] | None = None,
        metrics: Sequence[Metric] = (),
        tags: Mapping[str, Any] | None = None,
    ) -> None:
        """Log parameters, metrics (one key per slice, and one for its baseline) and tags."""
        from mlflow.entities import Metric as Figure
        from mlflow.entities import Param, RunTag

        now = int(time.time() * 1000)
        figures = [Figure(key, value, now, 0) for key, value in _figures(metrics).items()]
        with self._client("log to the run") as client:
            client.log_batch(
                run_id,
                metrics=figures,
                params=[Param(_key(key), str(value)[:LONGEST_VALUE]) for key, value in (params or {}).items()],
                tags=[RunTag(key, str(value)[:LONGEST_VALUE]) for key, value in (tags or {}).items()],
            )

    def log_dataset(self, run_id: str, dataset: Dataset, split: Split) -> None:
        """Log the dataset's name, digest and row counts, and how it was split."""
        import msgspec
        from mlflow.entities import Dataset as Entity
        from mlflow.entities import DatasetInput, InputTag

        counts = {name: len(getattr(split, name)) for name in ("train", "validation", "test")}
        profile = msgspec.json.encode({"num_rows": len(dataset.frame), **counts}).decode()
        source = msgspec.json.encode({"name": dataset.source}).decode()
        columns = [{"type": str(kind), "name": str(name)} for name, kind in dataset.frame.dtypes.items()]
        schema = msgspec.json.encode({"columns": columns}).decode()
        # MLflow keeps 36 characters of a digest; the whole one is a tag.
        entity = Entity(dataset.source, dataset.sha256[:32], "slipway", source, schema, profile)
        with self._client("log the dataset") as client:
            client.log_inputs(run_id, [DatasetInput(entity, [InputTag("mlflow.data.context", "training")])])
        self.log(
            run_id,
            params={f"rows.{name}": count for name, count in {"loaded": len(dataset.frame), **counts}.items()},
            tags={
                "slipway.dataset": dataset.source,
                "slipway.dataset_sha256": dataset.sha256,
                "slipway.synthetic": str(dataset.synthetic).lower(),
                "slipway.split": msgspec.json.encode(split.description, enc_hook=str).decode(),
            },
        )

    def log_folder(self, run_id: str, folder: Path, path: str) -> None:
        """Store a folder with the run, as the artifact folder `path`."""
        with self._client("store artifacts") as client:
            client.log_artifacts(run_id, str(folder), path or None)

    def finish(self, run_id: str, verdict: str, reason: str = "") -> None:
        """Close a run with the verdict `registered`, `refused` (by the gate) or `failed` (an error)."""
        status = {"registered": "FINISHED", "refused": "FINISHED"}.get(verdict, "FAILED")
        self.log(run_id, tags={"slipway.verdict": verdict, "slipway.reason": reason})
        with self._client("close the run") as client:
            client.set_terminated(run_id, status)

    def adopt_trials(self, app: str, search: str, parent: str) -> set[int]:
        """Move the trial runs of a search below the run `parent`; returns the trials' numbers.

        Deletes trial runs that a killed process left open, and closes the run that they belonged to.
        """
        with self._client("look for trials") as client:
            experiment = client.get_experiment_by_name(app)
            if experiment is None:
                return set()

            def find(condition: str, page_token: str | None) -> Any:
                return client.search_runs([experiment.experiment_id], condition, page_token=page_token)

            found = _pages(find, f"tags.`{SEARCH}` = '{search}'")
            whole = [run for run in found if run.info.status != "RUNNING"]
            for run in found:
                if run not in whole:
                    client.delete_run(run.info.run_id)
            earlier = {run.data.tags[PARENT] for run in whole} - {parent}
            for run in whole:
                client.set_tag(run.info.run_id, PARENT, parent)
            for run_id in earlier:
                if client.get_run(run_id).info.status == "RUNNING":
                    self.finish(run_id, "failed", f"interrupted; run {parent} continued its search")
        return {int(run.data.tags[TRIAL]) for run in whole}

    def log_trial(self, app: str, search: str, parent: str, trial: TrialResult, metric: str) -> None:
        """Log a trial that ended as a run below the run `parent`."""
        from mlflow.entities import Metric as Figure
        from mlflow.entities import Param

        end = int(trial.ended * 1000)
        start = end - int(trial.seconds * 1000)
        tags = {
            PARENT: parent,
            SEARCH: search,
            TRIAL: str(trial.number),
            "slipway.app": app,
            "slipway.state": trial.state,
            "slipway.reason": trial.reason,
        }
        figures = {"seconds": trial.seconds, "rounds": trial.rounds, metric: trial.value}
        with self._client("log a trial") as client:
            experiment = client.get_experiment_by_name(app).experiment_id
            name = f"{app} trial {trial.number}"
            run_id = client.create_run(experiment, start_time=start, tags=tags, run_name=name).info.run_id
            client.log_batch(
                run_id,
                metrics=[Figure(_key(key), float(one), end, 0) for key, one in figures.items() if one is not None],
                params=[Param(_key(key), str(value)) for key, value in trial.params.items()],
            )
            client.set_terminated(run_id, "FAILED" if trial.state == "failed" else "FINISHED", end)

    def register(
        self, app: str, run_id: str, tags: Mapping[str, Any], description: str = "", summary: str = ""
    ) -> int:
        """Register the run's folder `servable/` as the next version of the app; returns its number.

        `description` is of the version, and `summary` of the app: MLflow shows them beside the names.
        """
        with self._client("register the version") as client:
            found = list(client.search_registered_models(f"name = '{app}'"))
            if not found:
                client.create_registered_model(app, tags={"slipway.app": app}, description=summary)
            elif summary and not found[0].description:
                # A description that somebody wrote stays.
                client.update_registered_model(app, summary)
            uri = client.get_run(run_id).info.artifact_uri
            texts = {key: str(value)[:LONGEST_VALUE] for key, value in tags.items()}
            made = client.create_model_version(
                app, f"{uri}/{SERVABLE}", run_id, tags=texts, description=description, await_creation_for=0
            )
            return int(made.version)

    def set_aliases(self, app: str, wanted: Aliases) -> None:
        """Set or delete the aliases champion and challenger."""
        with self._client("set the aliases") as client:
            for alias in ("champion", "challenger"):
                version = getattr(wanted, alias)
                if version is None:
                    client.delete_registered_model_alias(app, alias)
                else:
                    client.set_registered_model_alias(app, alias, str(version))

    def tag_version(self, app: str, version: int, key: str, value: str) -> None:
        """Add a tag to a registered version."""
        with self._client("tag the version") as client:
            client.set_model_version_tag(app, str(version), key, value)

    def unregister(self, app: str, version: int) -> None:
        """Delete a registered version, and the model with its last one; its run stays, and says so.

        Nothing happens if the version is not registered.
        """
        every = self.versions(app)
        for found in [found for found in every if found.version == version]:
            self.log(found.run_id, tags={"slipway.removed": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())})
            with self._client("delete the version") as client:
                for alias in found.aliases:
                    client.delete_registered_model_alias(app, alias)
                client.delete_model_version(app, str(version))
                if len(every) == 1:
                    client.delete_registered_model(app)

    def aliases(self, app: str) -> Aliases:
        """The aliases in the registry."""
        with self._client("read the aliases") as client:
            found = list(client.search_registered_models(f"name = '{app}'"))
            named = found[0].aliases if found else {}
        champion, challenger = named.get("champion"), named.get("challenger")
        return Aliases(int(champion) if champion else None, int(challenger) if challenger else None)

    def apps(self) -> list[str]:
        """Apps that have registered versions, by name."""
        with self._client("list the models") as client:
            return sorted(model.name for model in _pages(client.search_registered_models, ""))

    def versions(self, app: str) -> list[Version]:
        """Registered versions of an app, oldest first."""
        from mlflow.exceptions import MlflowException

        with self._client("list the versions") as client:
            try:
                named: dict[str, str] = dict(client.get_registered_model(app).aliases)
            except MlflowException as cause:
                if cause.error_code == "RESOURCE_DOES_NOT_EXIST":
                    return []
                raise
            found = _pages(client.search_model_versions, f"name = '{app}'")
        listed = [
            Version(
                app=app,
                version=int(item.version),
                run_id=item.run_id,
                created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(item.creation_timestamp / 1000)),
                aliases=tuple(sorted(alias for alias, at in named.items() if int(at) == int(item.version))),
                tags=dict(item.tags),
            )
            for item in found
        ]
        return sorted(listed, key=lambda item: item.version)

    def refusals(self, app: str, limit: int = 20) -> list[dict[str, str]]:
        """Runs that the gate refused, newest first: `run_id`, `created`, `reason`, `dataset`."""
        with self._client("list the runs") as client:
            experiment = client.get_experiment_by_name(app)
            if experiment is None:
                return []
            runs = client.search_runs(
                [experiment.experiment_id], "tags.`slipway.verdict` = 'refused'", max_results=limit
            )
        return [
            {
                "run_id": run.info.run_id,
                "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(run.info.start_time / 1000)),
                "reason": run.data.tags.get("slipway.reason", ""),
                "dataset": run.data.tags.get("slipway.dataset", ""),
            }
            for run in runs
        ]

    def download(self, version: Version, folder: Path) -> Path:
        """Download a version's servable folder into `folder`; returns its path."""
        folder.mkdir(parents=True, exist_ok=True)
        with self._client(f"download {version.app} version {version.version}") as client:
            return Path(client.download_artifacts(version.run_id, SERVABLE, str(folder)))

    def fetch(self, run_id: str, path: str, folder: Path) -> Path | None:
        """Download an artifact folder of a run into `folder`; returns its path, or None when the run has none."""
        with self._client(f"fetch {path} of run {run_id}") as client:
            if not client.list_artifacts(run_id, path):
                return None
            return Path(client.download_artifacts(run_id, path, str(folder)))

    def fetch_model(self, uri: str, folder: Path) -> tuple[Path, str]:
        """Download the model at `models:/...` or `runs:/...`; returns its path, and its URI without an alias."""
        from mlflow.artifacts import download_artifacts

        with self._client(f"fetch {uri}") as client:
            if found := re.fullmatch(r"models:/([^/@]+)@([^/]+)", uri):
                number = client.get_model_version_by_alias(found[1], found[2]).version
                uri = f"models:/{found[1]}/{number}"
            path = download_artifacts(
                artifact_uri=uri,
                dst_path=str(folder),
                tracking_uri=self.tracking_uri,
                registry_uri=self.tracking_uri,
            )
            return Path(path), uri

    def is_foreign(self, app: str) -> bool:
        """Whether the registry has a model of that name that Slipway did not register."""
        with self._client("look for the model") as client:
            found = list(client.search_registered_models(f"name = '{app}'"))
            return bool(found) and "slipway.app" not in found[0].tags

    @contextmanager
    def _client(self, action: str) -> Iterator[MlflowClient]:
        """The MLflow client. Its errors become `RegistryError`, which says that `action` failed."""
        for name, value in TIMEOUTS.items():
            os.environ.setdefault(name, value)
        import requests
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            if self._cached is None:
                self._cached = MlflowClient(tracking_uri=self.tracking_uri, registry_uri=self.tracking_uri)
            yield self._cached
        except (MlflowException, requests.RequestException, SQLAlchemyError, OSError) as cause:
            text = (str(cause).strip() or type(cause).__name__).splitlines()[0]
            text = text.replace(self.tracking_uri, self.shown)[:300].rstrip(".")
            answered = getattr(cause, "error_code", "") in ANSWERED
            hint = "Check the name, version, alias or run" if answered else "Is it running? `slipway up` starts it"
            # The cause may show the password of the URI.
            raise RegistryError(f"could not {action} at {self.shown}: {text}. {hint}") from None


def _pages(search: Any, condition: str) -> list[Any]:
    found: list[Any] = []
    token = None
    while True:
        page = search(condition, page_token=token)
        found.extend(page)
        token = page.token
        if not token:
            return found


def _figures(metrics: Sequence[Metric]) -> dict[str, float]:
    """MLflow keys and values: `mae`, `mae/h7`, `baseline/mae`, `gain_low/mae`."""
    figures: dict[str, float | None] = {}
    for metric in metrics:
        key = metric.name if metric.slice == "all" else f"{metric.name}/{metric.slice}"
        figures[key] = metric.value
        figures[f"baseline/{key}"] = metric.baseline
        figures[f"gain_low/{key}"] = metric.gain_low
        figures[f"gain_high/{key}"] = metric.gain_high
    return {
        _key(key): float(value) for key, value in figures.items() if value is not None and math.isfinite(value)
    }


def _key(text: str) -> str:
    """The text as a key that MLflow accepts."""
    return re.sub(r"[^\w\-./ :]", "_", text)[:250]
