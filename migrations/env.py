"""Runs the migrations over a connection that the caller hands in: `config.attributes["connection"]`.

One transaction, and one lock per database, so that several processes may start at once.
Typed at the shell (`alembic …` in a checkout), the database is `DATABASE_URL` or `./tagtrail-data/tagtrail.db`.
"""

import os

from alembic import context
from sqlalchemy import Connection, text

from app.store.engine import make_engine, writing
from app.store.schema import metadata

LOCK = 7_241_365_018
"""Any number, always the same: PostgreSQL's advisory lock of Tagtrail's migrations."""


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_server_default=True,
    )
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET lock_timeout = '30s'"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        context.run_migrations()


handed_in = context.config.attributes.get("connection")
if handed_in is not None:
    run(handed_in)
else:
    engine = make_engine(os.environ.get("DATABASE_URL", "sqlite:///tagtrail-data/tagtrail.db"))
    with writing(engine) as own:
        run(own)
