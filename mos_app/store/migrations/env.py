"""Runs Alembic's migrations on the connection that the store hands over."""

from alembic import context

from mos_app.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata)
with context.begin_transaction():
    if connection.dialect.name == "postgresql":  # several replicas may start at once
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7239401)")
    context.run_migrations()
