"""PostgreSQL with few round trips: statements are prepared once a connection, lost connections found unasked.

pg8000 takes two round trips and a scan of the statement's letters each time; here it is one, without a scan.
"""

import select
from collections.abc import Sequence
from typing import Any

import msgspec
from pg8000.converters import make_params
from pg8000.core import Context
from pg8000.exceptions import DatabaseError
from pg8000.legacy import Connection as PlainConnection
from pg8000.legacy import Cursor as PlainCursor
from pg8000.legacy import IntegrityError, InterfaceError, ProgrammingError
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import IsolationLevel
from sqlalchemy.exc import DisconnectionError

from sr_models.data.errors import InputError

POOL_CONNECTIONS = 8
_OPTIONS = {"application_name", "timeout", "unix_sock"}
"""That a URL may have; pg8000 encrypts by itself where the server does, so sslmode is none of them."""
KEPT_STATEMENTS = 200
"""Prepared on each connection; what comes after is sent whole each time."""
_ERRORS: dict[str, type[Exception]] = {"23505": IntegrityError, "28000": InterfaceError}


def postgres_engine(url: URL, isolation_level: IsolationLevel = "READ COMMITTED") -> Engine:
    """Return an engine on a PostgreSQL database."""
    if unknown := url.query.keys() - _OPTIONS:
        raise InputError(
            f"the database URL has the option {min(unknown)}; known are {', '.join(sorted(_OPTIONS))}"
        )
    engine = create_engine(
        url.set(drivername="postgresql+pg8000"),
        isolation_level=isolation_level,
        paramstyle="numeric_dollar",  # the server's own: nothing is left to translate
        pool_size=POOL_CONNECTIONS,
        max_overflow=0,  # waiting for a connection is quicker than opening one more
        pool_use_lifo=True,
        json_serializer=lambda value: msgspec.json.encode(value).decode(),
        hide_parameters=True,  # an error in the log names no rater and no code
    )

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: object, _record: object, _words: object, options: Any) -> _Connection:
        return _Connection(**options)

    @event.listens_for(engine, "checkout")
    def _check(connection: _Connection, _record: object, _proxy: object) -> None:
        if connection.is_lost():
            raise DisconnectionError("the server has closed the connection")  # the pool opens another one

    return engine


class _Connection(PlainConnection):  # type: ignore[misc]
    """A connection that remembers the statements it has prepared."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._prepared: dict[str, tuple[Any, Any, Any]] = {}

    def cursor(self) -> "_Cursor":
        return _Cursor(self)

    def commit(self) -> None:
        self.execute_simple("commit")

    def rollback(self) -> None:
        if self._in_transaction:
            self.execute_simple("rollback")

    def run_prepared(self, statement: str, values: Sequence[object]) -> Context:
        """Return the outcome of a statement with $1, $2, ..."""
        known = self._prepared.get(statement)
        if known is None:
            if len(self._prepared) >= KEPT_STATEMENTS:
                return self.execute_unnamed(statement, vals=values)
            known = self._prepared[statement] = self.prepare_statement(statement, ())
        name, columns, readers = known
        return self.execute_named(name, make_params(self.py_types, values), columns, readers, statement)

    def is_lost(self) -> bool:
        """Return whether the server has hung up: between statements it says nothing else."""
        if self._usock is None:
            return True
        said = select.poll()  # not select.select, which knows no more than 1,024 open files and sockets
        said.register(self._usock, select.POLLIN)
        return bool(said.poll(0))


class _Cursor(PlainCursor):  # type: ignore[misc]
    """Sends a statement with values to be prepared; everything else goes as pg8000 sends it."""

    def execute(self, operation: str, args: Sequence[object] = (), stream: object = None) -> "_Cursor":
        if not args or stream is not None:
            super().execute(operation, args, stream)
            return self
        connection = self._c
        if not connection.autocommit and not connection._in_transaction:
            connection.execute_simple("begin transaction")
        try:
            self._context = connection.run_prepared(operation, args)
        except DatabaseError as error:
            raise _ERRORS.get(_code_of(error), ProgrammingError)(*error.args) from error
        self._row_iter = iter(self._context.rows or ())
        return self


def _code_of(error: DatabaseError) -> str:
    """Return the server's five letters for what went wrong, '' where it was pg8000 that refused."""
    told = error.args[0] if error.args else None
    return str(told.get("C", "")) if isinstance(told, dict) else ""
