"""The registry of models, and what leads to the next one: lessons, shadows, campaigns, answers to ask about."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables."""
    time = sa.DateTime(timezone=True)
    op.create_table(
        "models",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("version", sa.String(200), nullable=False),
        sa.Column("created", time, nullable=False),
        sa.Column("parent_id", sa.Uuid(), sa.ForeignKey("models.id")),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("figures", sa.JSON()),
        sa.UniqueConstraint("name", "version", name="one_model_a_version"),
    )
    for state in ("in_use", "shadow"):
        only = sa.text(f"state = '{state}'")
        op.create_index(
            f"one_model_{state}", "models", ["state"], unique=True, sqlite_where=only, postgresql_where=only
        )

    def model(rule: str) -> sa.ForeignKey:
        return sa.ForeignKey("models.id", ondelete=rule)

    op.create_table(
        "model_changes",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("model_id", sa.Uuid(), model("CASCADE"), nullable=False, index=True),
        sa.Column("before", sa.String(10)),
        sa.Column("after", sa.String(10), nullable=False),
        sa.Column("who", sa.String(100), nullable=False),
        sa.Column("why", sa.String(200), nullable=False),
        sa.Column("at", time, nullable=False),
    )
    op.create_table(
        "lessons",
        sa.Column("model_id", sa.Uuid(), model("CASCADE"), primary_key=True),
        sa.Column(
            "correction_id",
            sa.Uuid(),
            sa.ForeignKey("corrections.id", ondelete="CASCADE"),
            primary_key=True,
            index=True,
        ),
        sa.Column("part", sa.String(10), nullable=False),
    )
    op.create_table(
        "improvements",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("started", time, nullable=False),
        sa.Column("who", sa.String(100), nullable=False),
        sa.Column("finished", time),
        sa.Column("outcome", sa.String(20)),
        sa.Column("detail", sa.JSON()),
        sa.Column("model_id", sa.Uuid(), model("SET NULL")),
    )
    op.create_table(
        "shadow_counts",
        sa.Column("model_id", sa.Uuid(), model("CASCADE"), primary_key=True),
        sa.Column("day", sa.Date(), primary_key=True),
        sa.Column("best", sa.String(64), primary_key=True),
        sa.Column("photos", sa.Integer(), nullable=False),
        sa.Column("agreed", sa.Integer(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("confidence_in_use", sa.Float(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
    )
    op.create_table(
        "campaigns",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("label", sa.String(64), nullable=False),
        sa.Column("item", sa.String(64)),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("who", sa.String(100), nullable=False),
        sa.Column("created", time, nullable=False),
        sa.Column("closed", time),
    )
    op.add_column("corrections", sa.Column("asked", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Remove them; the models' files stay where they are."""
    op.drop_column("corrections", "asked")
    for table in ("campaigns", "shadow_counts", "improvements", "lessons", "model_changes", "models"):
        op.drop_table(table)
