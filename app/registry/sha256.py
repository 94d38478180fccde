"""A SHA-256 whose state can be put away and taken up again, in another process too.

`hashlib` has none, so this drives the functions of the libcrypto that Python itself uses. The state is written
as Go's `MarshalBinary` writes it, which is what distribution keeps: `sha\\x03`, eight words, the block begun (64
bytes), and how many bytes were hashed (8 bytes), all big-endian: 108 bytes.
"""

import ctypes
import hashlib
import struct
from functools import cache
from typing import Self

_FORM = struct.Struct(">4s8I64sQ")
_MAGIC = b"sha\x03"
_BLOCK = 64


class _Context(ctypes.Structure):
    """OpenSSL's `SHA256_CTX`. The length is in bits; there is room behind for a library that wants more."""

    _fields_ = (
        ("words", ctypes.c_uint32 * 8),
        ("low", ctypes.c_uint32),
        ("high", ctypes.c_uint32),
        ("block", ctypes.c_char * _BLOCK),
        ("filled", ctypes.c_uint),
        ("digest_length", ctypes.c_uint),
        ("room", ctypes.c_char * 128),
    )


class Sha256:
    """Like `hashlib.sha256()`. Made by `begin` and `resume`."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self._context = _Context()
        library.SHA256_Init(ctypes.byref(self._context))

    @property
    def length(self) -> int:
        """Bytes hashed so far."""
        return int(self._context.high << 32 | self._context.low) // 8

    def update(self, data: bytes) -> None:
        self._library.SHA256_Update(ctypes.byref(self._context), data, ctypes.c_size_t(len(data)))

    def hexdigest(self) -> str:
        ended = type(self._context).from_buffer_copy(self._context)
        digest = ctypes.create_string_buffer(32)
        self._library.SHA256_Final(digest, ctypes.byref(ended))
        return digest.raw.hex()

    def state(self) -> bytes:
        """What `resume` takes."""
        context = self._context
        begun = ctypes.string_at(ctypes.addressof(context) + _Context.block.offset, context.filled)
        return _FORM.pack(_MAGIC, *context.words, begun, self.length)

    def _take_up(self, words: tuple[int, ...], block: bytes, length: int) -> Self:
        context = self._context
        context.words[:] = words
        context.high, context.low = divmod(length * 8, 1 << 32)
        context.filled = length % _BLOCK
        ctypes.memmove(ctypes.addressof(context) + _Context.block.offset, block, _BLOCK)
        return self


def begin() -> Sha256 | None:
    """A hash of nothing yet; None where this Python's libcrypto can't be driven so."""
    library = _library()
    return Sha256(library) if library else None


def resume(state: bytes, length: int) -> Sha256 | None:
    """The hash that wrote `state`; None unless that is one of exactly `length` bytes, or as for `begin`."""
    begun = begin()
    if begun is None or len(state) != _FORM.size:
        return None
    magic, *words, block, hashed = _FORM.unpack(state)
    return begun._take_up(tuple(words), block, hashed) if (magic, hashed) == (_MAGIC, length) else None


@cache
def _library() -> ctypes.CDLL | None:
    """The library behind `hashlib`, if its context is laid out as above: it was asked to prove that."""
    try:
        import _hashlib

        library = ctypes.CDLL(_hashlib.__file__)
        return library if _proves_itself(library) else None
    except (ImportError, OSError, AttributeError):
        return None


def _proves_itself(library: ctypes.CDLL) -> bool:
    first, second = b"a" * 100, b"b" * 200
    begun = Sha256(library)
    begun.update(first)
    _, *words, block, length = _FORM.unpack(begun.state())
    resumed = Sha256(library)._take_up(tuple(words), block, length)
    resumed.update(second)
    expected = hashlib.sha256(first).hexdigest(), hashlib.sha256(first + second).hexdigest()
    shown = block[:36] == first[_BLOCK:] and length == len(first)
    return shown and (begun.hexdigest(), resumed.hexdigest()) == expected
