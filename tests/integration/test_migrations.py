"""The tables on both databases: up, down and up again, and from a wheel in somebody else's folder."""

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres import Postgres
from sqlalchemy import Engine, inspect, text

from app.store.engine import make_engine
from app.store.migrate import check, downgrade, revisions, upgrade
from app.store.queries.changes import ORDER
from app.store.schema import metadata

ROOT = Path(__file__).parents[2]
_numbers = itertools.count()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database in which there is nothing yet."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/new/tagtrail.db"
    else:
        server: Postgres = request.getfixturevalue("postgres")
        name = f"empty_{next(_numbers)}"
        administrator = make_engine(server.url("postgres"))
        with administrator.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template0"))
        administrator.dispose()
        url = server.url(name)
    engine = make_engine(url)
    yield engine
    engine.dispose()


def tables(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names())


def test_up_and_down_and_up_again(empty: Engine) -> None:
    ours = set(metadata.tables) | {"alembic_version"}
    newest = revisions(empty)[1]
    for _ in range(2):
        upgrade(empty)
        assert tables(empty) == ours
        assert revisions(empty) == (newest, newest)
        downgrade(empty, "base")
        assert tables(empty) == {"alembic_version"}
        assert revisions(empty) == (None, newest)


def test_the_migrations_make_what_the_schema_says(empty: Engine) -> None:
    upgrade(empty)
    check(empty)


def test_a_table_that_differs_is_noticed(empty: Engine) -> None:
    upgrade(empty)
    with empty.begin() as connection:
        connection.execute(text("ALTER TABLE events DROP COLUMN user_agent"))
    with pytest.raises(Exception, match="user_agent"):
        check(empty)


def test_lines_of_a_tag_are_sought_by_the_tag(postgres: Postgres) -> None:
    """Also by a plan for whatever values, for which the index of a whole repository seems to cost as little."""
    with postgres.database() as url:
        engine = make_engine(url)
        with engine.begin() as connection:
            for setting in ("plan_cache_mode = force_generic_plan", "enable_seqscan = off", "enable_bitmapscan = off"):
                connection.execute(text(f"SET LOCAL {setting}"))
            of_tag = "registry = $1 AND repository = $2 AND tag = $3 AND time_ns > $4 AND time_ns <= $5"
            query = f"SELECT time_ns FROM changes WHERE {of_tag} ORDER BY time_ns LIMIT 1"
            connection.exec_driver_sql(f"PREPARE later AS {query}")
            plan = connection.exec_driver_sql("EXPLAIN EXECUTE later ('', '', '', 0, 1)").scalars().all()
        engine.dispose()
    assert "ix_changes_tag_time" in "\n".join(plan)


def test_what_orders_history_is_compared_by_its_bytes(postgres: Postgres) -> None:
    """The fold sorts so; a database made with another locale than these tests' would answer questions otherwise."""
    with postgres.database() as url:
        engine = make_engine(url)
        kinds = {column["name"]: column["type"] for column in inspect(engine).get_columns("changes")}
        ordered = [kinds[column.name] for column in ORDER if column.type.python_type is str]
        assert [kind.collation for kind in ordered] == ["C", "C"]  # type: ignore[attr-defined]
        engine.dispose()


UPGRADE = """
import sys
from app.store.engine import make_engine
from app.store.migrate import upgrade
upgrade(make_engine(sys.argv[1]))
"""


def test_several_processes_may_start_at_once(empty: Engine) -> None:
    url = empty.url.render_as_string(hide_password=False)
    starting = [subprocess.Popen([sys.executable, "-P", "-c", UPGRADE, url]) for _ in range(3)]
    assert [process.wait(60) for process in starting] == [0, 0, 0]
    check(empty)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which a wheel of this checkout was installed, without what it depends on."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("app", "workers", "migrations"):
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    run([*pip, "wheel", "--no-deps", "--wheel-dir", folder, source], folder)
    (wheel,) = folder.glob("tagtrail-*.whl")
    run([*pip, "install", "--no-deps", "--target", folder / "site", wheel], folder)
    return folder / "site"


def run(command: list[object], folder: Path, **environment: str) -> str:
    done = subprocess.run(
        list(map(str, command)), cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


WHERE = "import app, workers, migrations; print(app.__file__, workers.__file__, migrations.__file__)"
MIGRATE = """
from app.store.engine import make_engine
from app.store.migrate import check, revisions, upgrade
engine = make_engine("sqlite:///own.db")
upgrade(engine)
check(engine)
assert revisions(engine)[0] == revisions(engine)[1] is not None
"""


def test_an_installed_wheel_migrates_in_a_folder_with_other_packages_of_its_names(
    installed: Path, tmp_path: Path
) -> None:
    for name in ("app", "workers", "migrations"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('somebody else')")
    python = [sys.executable, "-P", "-c"]
    environment = {"PYTHONPATH": str(installed)}
    found = run([*python, WHERE], tmp_path, **environment).split()
    assert [Path(path).parents[1] for path in found] == [installed] * 3
    run([*python, MIGRATE], tmp_path, **environment)
    assert (tmp_path / "own.db").exists()
    assert "Usage: " in run([sys.executable, "-P", "-m", "app", "--help"], tmp_path, **environment)


def test_a_wheel_brings_what_pages_are_made_of(installed: Path) -> None:
    packed = {path.relative_to(installed) for path in installed.rglob("*") if path.is_file()}
    for part in ("app/web/templates", "app/web/static", "migrations/script.py.mako"):
        place = ROOT / part
        wanted = [place] if place.is_file() else [path for path in place.rglob("*") if path.is_file()]
        assert {path.relative_to(ROOT) for path in wanted} <= packed
