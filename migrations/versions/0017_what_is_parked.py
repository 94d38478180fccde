"""What is to be sent again, and what is to be announced, is found among much that is parked."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_parked_again", "parked")
    _index("ix_parked_again", sa.text("again = 1"), sa.text("again"))
    _index("ix_parked_unannounced", sa.text("announced IS 0"), sa.text("announced IS FALSE"))


def _index(name: str, sqlite: sa.TextClause, postgresql: sa.TextClause) -> None:
    op.create_index(name, "parked", ["endpoint", "seq"], sqlite_where=sqlite, postgresql_where=postgresql)


def downgrade() -> None:
    op.drop_index("ix_parked_unannounced", "parked")
    op.drop_index("ix_parked_again", "parked")
    again = sa.text("again")
    op.create_index("ix_parked_again", "parked", ["endpoint"], sqlite_where=again, postgresql_where=again)
