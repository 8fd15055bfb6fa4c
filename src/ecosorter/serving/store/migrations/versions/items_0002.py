"""Which item a person named, and phrases for which no item was found."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column and the table."""
    op.add_column("corrections", sa.Column("item", sa.String(64)))
    op.create_table(
        "phrases",
        sa.Column("day", sa.Date(), primary_key=True),
        sa.Column("lang", sa.String(2), primary_key=True),
        sa.Column("phrase", sa.String(60), primary_key=True),
        sa.Column("count", sa.Integer(), nullable=False),
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_table("phrases")
    op.drop_column("corrections", "item")
