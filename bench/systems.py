"""The two systems that push benches run: `tagtrail up`, and Debian's docker-registry."""

import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.processes import answers, clean_environment, free_port, program, wait_until

_RULES = """\
triggers:
  bench: {{kind: webhook, url: "http://127.0.0.1:{port}/deploy", settle: 0s}}
rules:
  - name: bench
    when: {{registry: local}}
    deploy: [bench]
"""
_PEER = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: "{root}"}}}}
http: {{addr: "127.0.0.1:{port}"}}
notifications:
  endpoints:
    - {{name: bench, url: "http://127.0.0.1:{listener}/events", timeout: 5s, threshold: 5, backoff: 1s}}
"""


@dataclass(frozen=True, slots=True)
class Up:
    """`tagtrail up`, as its users start it."""

    port: int
    pid: int
    data: Path


@contextmanager
def tagtrail_up(
    folder: Path, trigger_port: int, rules: str = _RULES, database: Mapping[str, str] | None = None
) -> Iterator[Up]:
    """The whole system on SQLite (or on what DATABASE_URL in `database` names) and its own Valkey.

    `rules` have {port}; unless told otherwise there is one: every new or moved tag rings the trigger.
    """
    config, data, port = folder / "tagtrail.yml", folder / "data", free_port()
    config.write_text(rules.format(port=trigger_port))
    environment = clean_environment() | (database or {})
    options = ("--port", str(port), "--data", str(data), "--config", str(config))
    with program([sys.executable, "-P", "-m", "app", "up", *options], folder / "up.log", environment) as process:
        wait_until("tagtrail up answers", lambda: answers(port, "/readyz"))
        yield Up(port, process.pid, data)


@contextmanager
def docker_registry(folder: Path, listener_port: int) -> Iterator[int]:
    """The port of Debian's docker-registry, which tells the listener. Raises FileNotFoundError where it isn't there."""
    binary = shutil.which("docker-registry")
    if binary is None:
        raise FileNotFoundError("docker-registry is not installed (Debian: apt install docker-registry)")
    config, port = folder / "registry.yml", free_port()
    config.write_text(_PEER.format(root=folder / "registry", port=port, listener=listener_port))
    with program([binary, "serve", str(config)], folder / "registry.log", clean_environment()):
        wait_until("docker-registry answers", lambda: answers(port, "/v2/"))
        yield port
