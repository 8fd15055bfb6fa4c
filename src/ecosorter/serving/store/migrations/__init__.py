"""How a database comes to the tables of this version: alembic's scripts, run by `Store.open`."""
