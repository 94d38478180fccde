"""What drivers without folders share."""

from collections.abc import Iterator, Mapping


def first(waiting: bytearray, size: int) -> bytes:
    """The first `size` bytes, copied once: a piece is large."""
    with memoryview(waiting) as view:
        return bytes(view[:size])


def holders(folder: str, inner: str, after: str, sizes: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """As a driver's: `sizes` of all files below the folder, by path."""
    start, end = f"{folder}/", f"/{inner}"
    names = {path[len(start) : -len(end)]: size for path, size in sizes.items() if path.endswith(end)}
    for name in sorted(names):
        if name > after and "/" not in name:
            yield name, names[name]
