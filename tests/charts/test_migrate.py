"""The migration before an upgrade, really run on the tables of an older MLflow."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.charts.chart import of_kind, pods, value_set
from tests.postgres import Postgres

# MLflow's own tables, under the newest SQLAlchemy.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")
OLDER = "f5a4f2784254"
"""The tables of MLflow 2.17."""
ROWS = (
    "INSERT INTO experiments (name, artifact_location, lifecycle_stage) VALUES ('price', 's3://a', 'active')",
    "INSERT INTO registered_models (name) VALUES ('price')",
    "INSERT INTO model_versions (name, version, current_stage, source) VALUES ('price', 7, 'None', 's3://a/7')",
)


@pytest.mark.slow
def test_an_older_registry_is_brought_along(postgres: Postgres) -> None:
    import sqlalchemy
    from mlflow import MlflowClient

    url = older(postgres.fresh().replace("postgresql:", "postgresql+psycopg:"))
    migrate(url)
    # Before a client is there, which would bring the tables along itself.
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        assert connection.scalar(sqlalchemy.text("SELECT version_num FROM alembic_version")) != OLDER
    engine.dispose()
    client = MlflowClient(url, url)
    assert client.get_model_version("price", "7").source == "s3://a/7"
    assert client.get_experiment_by_name("price") is not None
    client.set_registered_model_alias("price", "champion", "7")
    migrate(url)
    assert client.get_model_version_by_alias("price", "champion").source == "s3://a/7"


@pytest.mark.slow
def test_an_empty_database_is_migrated_too(postgres: Postgres) -> None:
    """As when an upgrade of the release switches MLflow on."""
    from mlflow import MlflowClient

    url = postgres.fresh().replace("postgresql:", "postgresql+psycopg:")
    migrate(url)
    assert list(MlflowClient(url, url).search_registered_models()) == []


def migrate(url: str) -> None:
    """What the chart's job does."""
    (job,) = (item for name, item in of_kind(value_set("production"), "Job").items() if name.endswith("-migrate"))
    (pod,) = pods(job)
    command = [word.replace("$(MLFLOW_BACKEND_STORE_URI)", url) for word in pod["containers"][0]["command"]]
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]


def older(url: str) -> str:
    """Make a database as that MLflow left it, with a version in its registry."""
    import sqlalchemy
    from alembic import command
    from mlflow.store.db.utils import _get_alembic_config
    from mlflow.store.tracking.dbmodels.initial_models import Base

    engine = sqlalchemy.create_engine(url)
    Base.metadata.create_all(engine)
    config: Any = _get_alembic_config(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, OLDER)
        for row in ROWS:
            connection.execute(sqlalchemy.text(row))
    engine.dispose()
    return url
