"""What all tables share."""

from sqlalchemy import BigInteger, Integer, MetaData, Text

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
