"""What alembic runs: the scripts, in the transaction of the connection that `database` passes."""

from alembic import context

from ecosorter.serving.store.tables import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
