"""An index of what was given up: few beside what was delivered."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_DEAD = sa.text("status = 'dead'")


def upgrade() -> None:
    columns = ["made_ns", "id", "destination"]
    op.create_index("ix_deliveries_dead", "deliveries", columns, sqlite_where=_DEAD, postgresql_where=_DEAD)


def downgrade() -> None:
    op.drop_index("ix_deliveries_dead", "deliveries")
