"""The web app over a database that a test has filled."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app.bootstrap import make_services
from app.settings import load
from app.web.factory import create_app


@contextmanager
def client_of(
    patch: pytest.MonkeyPatch, folder: Path, database_url: str, **environment: str
) -> Iterator[FlaskClient]:
    """A client of the app as the environment and the files in `folder` configure it."""
    for name in [name for name in os.environ if name.startswith("TAGTRAIL_") or name in ("REDIS_URL", "DATABASE_URL")]:
        patch.delenv(name)
    patch.chdir(folder)
    patch.setenv("DATABASE_URL", database_url)
    patch.setenv("TAGTRAIL_DATA", str(folder / "data"))
    for name, value in environment.items():
        patch.setenv(name, value)
    services = make_services(load())
    yield create_app(services).test_client()
    services.engine.dispose()
