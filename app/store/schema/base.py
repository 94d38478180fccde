"""What all tables share."""

from typing import Any

from sqlalchemy import BigInteger, Integer, LargeBinary, MetaData, Text, TypeDecorator

from app.store.packing import packed, unpacked

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


class Packed(TypeDecorator[bytes]):
    """The bytes of JSON, see `packing`."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: bytes | None, _dialect: Any) -> bytes | None:
        return None if value is None else packed(value)

    def process_result_value(self, value: bytes | None, _dialect: Any) -> bytes | None:
        return None if value is None else unpacked(value)
