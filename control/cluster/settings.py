"""Settings of trainings on a cluster, read from `SLIPWAY_*` like all other settings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import version

from serving.kernel.settings import SettingsError, setting

__all__ = ["ClusterSettings"]

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
NAME = re.compile(rf"{LABEL.pattern}(\.{LABEL.pattern})*")
ALLOWED = "lower-case letters, digits, - and ."
QUANTITY = re.compile(r"[1-9]\d*(Mi|Gi|Ti|M|G|T)?")


@dataclass(frozen=True, kw_only=True)
class ClusterSettings:
    """Settings of `slipway train --on cluster`. They hold the names of Secrets, never their contents."""

    namespace: str = setting(
        "", "Namespace of training jobs; empty: that of the kubeconfig's context.", name="CLUSTER_NAMESPACE"
    )
    release: str = setting(
        "slipway",
        "Release of the chart in that namespace; its network policies apply to training jobs.",
        name="CLUSTER_RELEASE",
    )
    image: str = setting(
        "", "Image of training jobs; empty: `slipway/training` of this version.", name="TRAINING_IMAGE"
    )
    cpus: int = setting(
        4, "Cores of a training job; at least one for each worker is asked for.", name="TRAINING_CPUS"
    )
    memory: str = setting("8Gi", "Memory of a training job.", name="TRAINING_MEMORY")
    gpus: int = setting(0, "GPUs of a training job (`nvidia.com/gpu`).", name="TRAINING_GPUS")
    disk: str = setting("20Gi", "Disk of a training job: data, checkpoints and versions.", name="TRAINING_DISK")
    secrets: tuple[str, ...] = setting(
        (),
        "Secrets whose keys become variables of a training job, comma separated: MLFLOW_TRACKING_URI, "
        "AWS_ACCESS_KEY_ID, SLIPWAY_DSN and the like.",
        name="TRAINING_SECRETS",
    )
    pull_secrets: tuple[str, ...] = setting(
        (), "Secrets that the image is pulled with, comma separated.", name="TRAINING_PULL_SECRETS"
    )
    service_account: str = setting(
        "", "Service account of a training job; empty: the namespace's default.", name="TRAINING_SERVICE_ACCOUNT"
    )
    deadline_seconds: int = setting(
        6 * 3600, "A training job that takes longer is ended.", name="TRAINING_DEADLINE_SECONDS"
    )
    keep_seconds: int = setting(
        3600, "How long a finished job's cluster is kept, to look at its logs.", name="TRAINING_KEEP_SECONDS"
    )

    def __post_init__(self) -> None:
        if not self.image:
            object.__setattr__(self, "image", f"slipway/training:{version('slipway')}")
        for name, value in (("MEMORY", self.memory), ("DISK", self.disk)):
            if not QUANTITY.fullmatch(value):
                raise SettingsError(
                    f"SLIPWAY_TRAINING_{name} must be a quantity such as 8Gi or 500Mi, not {value!r}"
                )
        for name, number, least in (
            ("CPUS", self.cpus, 1),
            ("GPUS", self.gpus, 0),
            ("DEADLINE_SECONDS", self.deadline_seconds, 1),
            ("KEEP_SECONDS", self.keep_seconds, 0),
        ):
            if number < least:
                raise SettingsError(f"SLIPWAY_TRAINING_{name} must be at least {least}, not {number}")
        lists = [("SECRETS", self.secrets), ("PULL_SECRETS", self.pull_secrets)]
        for name, found in [*lists, ("SERVICE_ACCOUNT", (self.service_account or "default",))]:
            for each in found:
                if not NAME.fullmatch(each):
                    raise SettingsError(
                        f"SLIPWAY_TRAINING_{name}: {each!r} is not a valid name; allowed: {ALLOWED}"
                    )
        if not LABEL.fullmatch(self.release):
            raise SettingsError(
                f"SLIPWAY_CLUSTER_RELEASE: {self.release!r} is not a valid name; "
                "allowed: lower-case letters, digits and -"
            )
        if self.namespace and not LABEL.fullmatch(self.namespace):
            raise SettingsError(
                f"SLIPWAY_CLUSTER_NAMESPACE: {self.namespace!r} is not a valid name; "
                "allowed: lower-case letters, digits and -"
            )
