"""Named places where a test may hold a process and kill it.

Off unless `TAGTRAIL_PAUSE` names a folder. A test creates `FOLDER/NAME`; the process that comes by writes
`FOLDER/NAME.reached` with its process id and waits until `FOLDER/NAME` is gone.
"""

import os
import time
from pathlib import Path

_FOLDER = os.environ.get("TAGTRAIL_PAUSE")


def pause(name: str) -> None:
    """Wait here if a test asked for it. Costs one comparison otherwise."""
    if _FOLDER is None:
        return
    gate = Path(_FOLDER, name)
    if not gate.exists():
        return
    reached = Path(_FOLDER, f"{name}.reached")
    partial = reached.with_suffix(f".{os.getpid()}")
    partial.write_text(str(os.getpid()))
    partial.rename(reached)
    while gate.exists():
        time.sleep(0.005)
