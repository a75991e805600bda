"""Alembic's home: how a study's database came to have the tables it has."""
