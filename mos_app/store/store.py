"""Everything that a study's database knows and keeps; one transaction a change."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update
from sqlalchemy.exc import IntegrityError

from mos_app.store import tables
from mos_app.store.codes import random_code
from mos_app.store.entry import Entry, is_rater
from mos_app.store.refusal import RefusedError
from mos_app.store.study_database import insert_all
from mos_app.study.clock import now_text
from mos_app.study.people import Presentation
from mos_app.web.messages import Answer
from sr_models.data.errors import InputError

COMPLETION_CHARS = 10


class Store(Entry):
    """A study and its database: people come (Entry), rate, and are looked at."""

    def upcoming(self, rater: str, count: int) -> list[Presentation]:
        """Return the presentation now due and those after it."""
        p, r = tables.presentations.c, tables.raters.c
        with self.reading() as connection:
            rows = connection.execute(
                select(p.id, p.position, p.phase, p.stimulus, p.other, p.repeat)
                .join(tables.raters, r.id == p.rater)
                .where(p.rater == rater, p.position >= r.done)
                .order_by(p.position)
                .limit(count)
            )
            return [Presentation(*row) for row in rows]

    def rate(self, rater: str, answer: Answer) -> bool:
        """Store one answer in one transaction. Return whether the calibration or study goes on.

        An answer stored already is harmless when it says the same (CONTRACTS: 200), else refused.
        """
        with self.writing() as connection:
            due = self._presentation(connection, rater, answer.presentation)
            if due["score"] is None:
                if due["closed_at"]:
                    raise RefusedError(403, "closed")
                if due["position"] != due["done"]:
                    raise RefusedError(409, "not due yet")
                if self._advance(connection, rater, due):
                    connection.execute(insert(tables.ratings).values(_rating_values(answer)))
                    return bool(due["done"] + 1 < due["total"])
                due = self._presentation(connection, rater, answer.presentation)  # another tab was faster
            if due["score"] != answer.score:
                raise RefusedError(409, "stored already with another score")
            return bool(due["done"] < due["total"])

    def _presentation(self, connection: Connection, rater: str, presentation: str) -> RowMapping:
        p, r = tables.presentations.c, tables.raters.c
        row = (
            connection.execute(
                select(p.position, r.done, r.total, tables.ratings.c.score, tables.study.c.closed_at)
                .select_from(tables.presentations)
                .join(tables.raters, r.id == p.rater)
                .join(tables.study, tables.study.c.fingerprint == self.study.fingerprint)
                .outerjoin(tables.ratings, tables.ratings.c.presentation == p.id)
                .where(p.id == presentation, p.rater == rater)
            )
            .mappings()
            .first()
        )
        if row is None:
            raise RefusedError(404, "no such presentation")
        return row

    def _advance(self, connection: Connection, rater: str, due: RowMapping) -> bool:
        """Move the rater on; False when a concurrent answer did so first."""
        last = due["done"] + 1 == due["total"]
        values: dict[str, Any] = {"done": tables.raters.c.done + 1}
        if last:
            values["finished_at"] = now_text()
            values["completion_code"] = (
                self.study.settings.completion_code or random_code(COMPLETION_CHARS).upper()
            )
        moved = connection.execute(
            update(tables.raters)
            .where(tables.raters.c.id == rater, tables.raters.c.done == due["done"])
            .values(values)
        )
        return moved.rowcount == 1

    def pace(self, rater: str, last: int = 40) -> list[float]:
        """Return the seconds of the last answers, newest first."""
        p = tables.presentations.c
        with self.reading() as connection:
            return list(
                connection.execute(
                    select(tables.ratings.c.seconds)
                    .join(tables.presentations, p.id == tables.ratings.c.presentation)
                    .where(p.rater == rater)
                    .order_by(p.position.desc())
                    .limit(last)
                ).scalars()
            )

    def rater_rows(self) -> list[dict[str, Any]]:
        """Return every rater's row, in the order they came, without session hashes."""
        columns = [column for column in tables.raters.c if column.name != "session_hash"]
        with self.reading() as connection:
            return [dict(row) for row in connection.execute(select(*columns).order_by(columns[1])).mappings()]

    def rating_rows(self) -> list[RowMapping]:
        """Return every rating with its presentation, by rater and position."""
        p, r, a = tables.presentations.c, tables.raters.c, tables.ratings.c
        with self.reading() as connection:
            return list(
                connection.execute(
                    select(p.rater, p.position, p.phase, p.stimulus, p.other, p.repeat, *a)
                    .select_from(tables.ratings)
                    .join(tables.presentations, p.id == a.presentation)
                    .join(tables.raters, r.id == p.rater)
                    .order_by(r.number, p.position)
                ).mappings()
            )

    def invite_rows(self) -> list[dict[str, Any]]:
        """Return how the invites stand, without their hashes."""
        columns = [column for column in tables.invites.c if column.name != "code_hash"]
        with self.reading() as connection:
            return [dict(row) for row in connection.execute(select(*columns).order_by(columns[0])).mappings()]

    def forget(self, rater: str) -> dict[str, int]:
        """Remove all rows of one person. Return how many went, by table."""
        p = tables.presentations
        with self.writing() as connection:
            if not is_rater(connection, rater):
                raise InputError(f"no rater called {rater!r}: `mos status` lists them")
            of_rater = select(p.c.id).where(p.c.rater == rater)
            statements = {
                "ratings": tables.ratings.delete().where(tables.ratings.c.presentation.in_(of_rater)),
                "presentations": p.delete().where(p.c.rater == rater),
                "invites": tables.invites.delete().where(tables.invites.c.rater == rater),
                "raters": tables.raters.delete().where(tables.raters.c.id == rater),
            }
            return {table: connection.execute(statement).rowcount for table, statement in statements.items()}

    def restore(
        self,
        raters: Sequence[dict[str, Any]],
        presentations: Sequence[dict[str, Any]],
        ratings: Sequence[dict[str, Any]],
    ) -> None:
        """Put imported rows in, all or none; a clash with what is there raises InputError."""
        try:
            with self.writing() as connection:
                entered = connection.execute(select(tables.study.c.entered).with_for_update()).scalar_one()
                numbered = [{**row, "number": entered + i} for i, row in enumerate(raters)]
                for table, rows in (
                    (tables.raters, numbered),
                    (tables.presentations, presentations),
                    (tables.ratings, ratings),
                ):
                    insert_all(connection, table, rows)
                connection.execute(update(tables.study).values(entered=entered + len(raters)))
        except IntegrityError:
            raise InputError(
                "some of these raters or presentations are in the study already: nothing was imported"
            ) from None


def _rating_values(answer: Answer) -> dict[str, Any]:
    return {
        "presentation": answer.presentation,
        "score": answer.score,
        "seconds": answer.seconds,
        "shown_at": answer.shown_at,
        "stored_at": now_text(),
        "device_pixel_ratio": answer.device_pixel_ratio,
        "rect": " ".join(f"{value:.10g}" for value in answer.rect),
        "viewport": answer.viewport,
        "visible": answer.visible,
        "fullscreen": answer.fullscreen,
    }
