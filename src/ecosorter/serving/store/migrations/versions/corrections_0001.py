"""Corrections, votes and tokens."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    time = sa.DateTime(timezone=True)
    op.create_table(
        "corrections",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("key", sa.Uuid(), nullable=False, unique=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("created", time, nullable=False),
        sa.Column("model_name", sa.String(200), nullable=False),
        sa.Column("model_version", sa.String(200), nullable=False),
        sa.Column("best", sa.String(64), nullable=False),
        sa.Column("label", sa.String(64)),
        sa.Column("truth", sa.String(64), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("lang", sa.String(2), nullable=False),
        sa.Column("contributor", sa.String(32), nullable=False, index=True),
        sa.Column("secret_hash", sa.String(64), nullable=False),
        sa.Column("consent", sa.String(10), nullable=False),
        sa.Column("photo", sa.String(10), nullable=False),
        sa.Column("sha256", sa.String(64), index=True),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("settled", sa.String(64)),
        sa.Column("settled_at", time),
        sa.Column("disputed", sa.Boolean(), nullable=False),
    )
    op.create_index("corrections_to_review", "corrections", ["state", "photo"])
    correction = sa.ForeignKey("corrections.id", ondelete="CASCADE")
    op.create_table(
        "votes",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("correction_id", sa.Uuid(), correction, nullable=False, index=True),
        sa.Column("reviewer", sa.String(100), nullable=False),
        sa.Column("decision", sa.String(10), nullable=False),
        sa.Column("label", sa.String(64)),
        sa.Column("created", time, nullable=False),
        sa.UniqueConstraint("correction_id", "reviewer", name="one_vote_each"),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(8), primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("role", sa.String(10), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("created", time, nullable=False),
        sa.Column("last_used", sa.Date()),
        sa.Column("revoked", time),
    )
    valid = sa.text("revoked IS NULL")
    op.create_index(
        "one_valid_token_a_name", "tokens", ["name"], unique=True, sqlite_where=valid, postgresql_where=valid
    )


def downgrade() -> None:
    """Remove them, and with them what people said."""
    for table in ("tokens", "votes", "corrections"):
        op.drop_table(table)
