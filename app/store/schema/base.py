"""What all tables share."""

import zlib
from typing import Any

from sqlalchemy import BigInteger, Integer, LargeBinary, MetaData, Text, TypeDecorator

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Big = BigInteger().with_variant(Integer, "sqlite")
"""SQLite has 64-bit integers under one name, and only INTEGER PRIMARY KEY is its row id."""

InBytes = Text().with_variant(Text(collation="C"), "postgresql")
"""Text in the order of its bytes, as history is folded in: PostgreSQL sorts in the language of its database else."""

_LEVEL = 1
_ZLIB = b"x"
"""How every zlib stream of ours begins, and no JSON: what older versions stored as it is."""


class Packed(TypeDecorator[bytes]):
    """The bytes of JSON, deflated (RFC 1950): as they come, they fill half of a database, most of it with spaces."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: bytes | None, _dialect: Any) -> bytes | None:
        return None if value is None else packed(value)

    def process_result_value(self, value: bytes | None, _dialect: Any) -> bytes | None:
        return None if value is None else _unpacked(value)


def packed(raw: bytes) -> bytes:
    return zlib.compress(raw, _LEVEL)


def _unpacked(stored: bytes) -> bytes:
    """What can't be unpacked was altered: it is told as it is, and no link fits it."""
    if not stored.startswith(_ZLIB):
        return stored
    try:
        return zlib.decompress(stored)
    except zlib.error:
        return stored
