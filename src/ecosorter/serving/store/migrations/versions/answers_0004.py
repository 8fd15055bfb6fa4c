"""How new a photo is to the model, what each model saw of it, and counts of what is answered."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table and the columns."""
    op.create_table(
        "answer_counts",
        sa.Column("day", sa.Date(), primary_key=True),
        sa.Column("seen", sa.String(64), primary_key=True),
        sa.Column("photos", sa.Integer(), nullable=False),
        sa.Column("measured", sa.Integer(), nullable=False),
        sa.Column("distance", sa.Float(), nullable=False),
        sa.Column("far", sa.Integer(), nullable=False),
    )
    op.add_column("corrections", sa.Column("novelty", sa.Float()))
    op.add_column("corrections", sa.Column("novelty_bank", sa.String(64)))
    op.add_column("lessons", sa.Column("best", sa.String(64)))


def downgrade() -> None:
    """Remove them."""
    op.drop_column("lessons", "best")
    op.drop_column("corrections", "novelty_bank")
    op.drop_column("corrections", "novelty")
    op.drop_table("answer_counts")
