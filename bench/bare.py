"""The least that a receiver can do, under Tagtrail's own server: `python -m bench.bare` serves BARE_PORT.

`/` reads what comes and answers 202. `/disk` has written it to the end of BARE_FILE, and synced that, before.
"""

import os
from collections.abc import Callable, Iterable
from typing import Any

from bench.serving import serve

_ANSWER = b'{"events":1}\n'
_HEADERS = [("Content-Type", "application/json"), ("Content-Length", str(len(_ANSWER)))]


def make(_target: str = "") -> Callable[..., Iterable[bytes]]:
    file = os.open(os.environ["BARE_FILE"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def answer(environ: dict[str, Any], start: Callable[..., object]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read()
        if environ["PATH_INFO"] == "/disk":
            os.write(file, body)
            os.fdatasync(file)
        start("202 Accepted" if body else "200 OK", _HEADERS)
        return [_ANSWER]

    return answer


if __name__ == "__main__":
    serve("bare", int(os.environ["BARE_PORT"]), make)
