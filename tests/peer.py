"""A real registry beside ours: Debian's docker-registry, and skopeo as its client."""

import os
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conftest import missing
from postgres import free_port
from system import wait_until


def need(program: str) -> str:
    """The path of `program`; skips, or fails in CI, where it is absent."""
    found = shutil.which(program)
    if found is None:
        missing(f"{program} is not installed (Debian: apt install {program})")
    assert found is not None
    return found


def skopeo(*arguments: str) -> str:
    """Run skopeo; fails with what it says. REGISTRY_* would be configuration to docker-registry, not to it."""
    done = subprocess.run(
        [need("skopeo"), "--insecure-policy", *arguments], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def push(layout: Path, registry: str, reference: str) -> None:
    skopeo("copy", "-q", "--dest-tls-verify=false", f"oci:{layout}", f"docker://{registry}/{reference}")


CONFIG = """\
version: 0.1
log: {{level: warn}}
storage: {{filesystem: {{rootdirectory: {root}}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}", secret: {secret}}}
{configured}
"""


SECRET = "shared by all who serve one storage"
PASSWORD = "open sesame"
_HTPASSWD = "alice:$2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy\n"
"""alice's PASSWORD under bcrypt, the only form that docker-registry knows."""


def htpasswd(folder: Path) -> str:
    """YAML that lets alice in with PASSWORD and nobody else."""
    (folder / "htpasswd").write_text(_HTPASSWD)
    return f"auth: {{htpasswd: {{realm: peer, path: {folder / 'htpasswd'}}}}}"


@contextmanager
def docker_registry(folder: Path, configured: str) -> Iterator[str]:
    """Its `host:port`, with `configured` (YAML: notifications, auth) pasted into its configuration."""
    program = need("docker-registry")
    port = free_port()
    config = folder / "config.yml"
    config.write_text(CONFIG.format(root=folder / "registry", port=port, secret=SECRET, configured=configured))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")}
    with (folder / "registry.log").open("wb") as log:
        process = subprocess.Popen([program, "serve", str(config)], stdout=log, stderr=log, env=environment)
    try:
        wait_until("docker-registry answers", lambda: _answers(port))
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/", timeout=2) as answer:
            return int(answer.status) == 200
    except urllib.error.HTTPError as error:
        with error:
            return error.code == 401
    except OSError:
        return False
