"""What is held of a file until it is enough for a piece of an object."""


def first(waiting: bytearray, size: int) -> bytes:
    """The first `size` bytes, copied once: a piece is large."""
    with memoryview(waiting) as view:
        return bytes(view[:size])
