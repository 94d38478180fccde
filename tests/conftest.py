"""Fixtures that every test may use: both databases, each test with one of its own."""

import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from object_stores import Seaweed
from object_stores import azurite as an_azurite
from postgres import Postgres
from shop import Shop
from sqlalchemy import Engine

from app.registry.locks import FileLocks, ThreadLocks
from app.registry.storage.factory import make_driver
from app.store.engine import make_engine
from app.store.migrate import upgrade

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
settings.load_profile("default")

def missing(reason: str) -> None:
    """A laptop may lack a service, and the test is skipped; in CI its absence is a failure."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    try:
        server = Postgres()
    except FileNotFoundError as error:
        missing(str(error))
    try:
        engine = make_engine(server.url("template1"))
        upgrade(engine)
        engine.dispose()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file to copy: migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("migrated") / "tagtrail.db"
    engine = make_engine(f"sqlite:///{path}")
    upgrade(engine)
    engine.dispose()
    return path


@pytest.fixture
def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """The address of a SQLite file of the test's own, empty and migrated."""
    shutil.copy(migrated_sqlite, tmp_path / "tagtrail.db")
    return f"sqlite:///{tmp_path}/tagtrail.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of an empty, migrated database."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    server: Postgres = request.getfixturevalue("postgres")
    with server.database() as url:
        yield url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = make_engine(database_url)
    yield made
    made.dispose()


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    server = Seaweed(tmp_path_factory.mktemp("seaweed"))
    with server.up():
        yield server


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Any]]:
    try:
        with an_azurite(tmp_path_factory.mktemp("azurite")) as parameters:
            yield parameters
    except FileNotFoundError as error:
        missing(str(error))


@pytest.fixture(params=["inmemory", "filesystem", "s3", "azure"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Mapping[str, Any]]:
    """A driver's name and its parameters, for a place where nothing lies yet."""
    match request.param:
        case "s3":
            server: Seaweed = request.getfixturevalue("seaweed")
            return "s3", server.parameters()
        case "azure":
            return "azure", request.getfixturevalue("azurite") | {"rootdirectory": uuid.uuid4().hex}
        case name:
            return name, {"rootdirectory": str(tmp_path / "storage")}


@pytest.fixture(params=["inmemory", "filesystem"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    driver = make_driver(request.param, {"rootdirectory": str(tmp_path / "storage")})
    locks = ThreadLocks() if request.param == "inmemory" else FileLocks(tmp_path / "locks")
    made = Shop(driver, locks)
    yield made
    assert all(made.recorder.after), "a fact was announced that storage does not show"
