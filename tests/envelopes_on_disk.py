"""The fixtures of `tests/data/envelopes`: bodies as distribution sends them, v1 by its release 2 and v2 by 3."""

from pathlib import Path

FOLDER = Path(__file__).parent / "data" / "envelopes"
GENERATIONS = ("v1", "v2")


def body(generation: str, name: str) -> bytes:
    return (FOLDER / generation / f"{name}.json").read_bytes()


def names(generation: str) -> set[str]:
    return {path.stem for path in (FOLDER / generation).glob("*.json")}
