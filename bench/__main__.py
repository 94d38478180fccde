"""`python -m bench [WHICH]`: measure, print tables, and write the figures as JSON if asked."""

import argparse
import importlib
import json
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.figures import line
from bench.surroundings import machine, versions

BENCHES = (
    "ingest", "chain", "serial", "latency", "memory", "simulate", "burst", "registry", "listing", "storage", "notify",
)  # fmt: skip
LONG = "history"
"""Takes half an hour or more, and is run only by its name."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("bench", nargs="?", default="all", choices=[*BENCHES, LONG, "all"])
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each measurement (default 5)")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of a timed round (default 3)")
    parser.add_argument("--events", type=int, help="events of `history` (default 10 million)")
    parser.add_argument("--database", choices=("SQLite", "PostgreSQL"), help="of `history`, alone (default both)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    wanted = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    folder = Path(tempfile.mkdtemp(prefix="tagtrail-bench-"))
    try:
        _run(wanted, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(wanted: argparse.Namespace, folder: Path) -> None:
    surroundings = {"machine": machine(folder), "versions": versions()}
    for title, facts in surroundings.items():
        print(f"* {title}: {line(facts)}", flush=True)
    figures: dict[str, object] = dict(surroundings)
    for name in BENCHES if wanted.bench == "all" else (wanted.bench,):
        place = folder / name
        place.mkdir()
        more = _of_history(wanted) if name == LONG else {}
        for report in importlib.import_module(f"bench.{name}").run(place, wanted.rounds, wanted.seconds, **more):
            print(report.markdown(), flush=True)
            figures[report.title] = report.data
    if wanted.json:
        wanted.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")


def _of_history(wanted: argparse.Namespace) -> dict[str, Any]:
    given = {"events": wanted.events, "databases": wanted.database and (wanted.database,)}
    return {name: value for name, value in given.items() if value}


if __name__ == "__main__":
    main()
