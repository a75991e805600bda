"""`mos status`, `close`, `export`, `import`, `forget`, `backup`, `restore`: the researcher's side."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mos_app.commands.arguments import add_study
from sr_models.command import Command

if TYPE_CHECKING:
    from mos_app.store.connection import Database


def _add_status(parser: argparse.ArgumentParser) -> None:
    add_study(parser)
    parser.add_argument(
        "--flags",
        action="store_true",
        help="also look at every rating for what seems odd (reads all of them)",
    )


def _run_status(args: argparse.Namespace) -> int:
    from mos_app.store.connection import open_database
    from mos_app.store.invites import invite_rows
    from mos_app.store.raters import rater_rows
    from mos_app.store.state import standing

    db = open_database(args.study, args.database)
    flags = _flags(db) if args.flags else {}
    raters = rater_rows(db)
    invites = invite_rows(db)
    now = standing(db)
    state = {
        None: "open",
        "closed": f"closed {now.closed_at}",
        "paused": f"paused {now.paused_at}",
        "hours": f"open at {now.settings.hours}, not now",
    }[now.shut]
    finished = sum(1 for row in raters if row["finished_at"])
    unused = sum(1 for row in invites if row["state"] == "open" and not row["used"])
    print(f"{db.study.name}: {state}; {len(raters)} raters, {finished} finished; {unused} links unused")
    for row in raters:
        where = "finished" if row["finished_at"] else "released" if row["released_at"] else "under way"
        line = f"{row['id']}  {row['done']:>5}/{row['total']:<5}  {where}"
        print(f"{line:<32}  {flags.get(row['id']) or '-'}" if args.flags else line)
    db.close()
    return 0


def _flags(db: "Database") -> dict[str, str]:
    from mos_app.analysis.flags import rater_flags
    from mos_app.store.exchange import ratings_frame

    return rater_flags(ratings_frame(db))


def _add_close(parser: argparse.ArgumentParser) -> None:
    add_study(parser)
    parser.add_argument("--reopen", action="store_true", help="take ratings again")


def _run_close(args: argparse.Namespace) -> int:
    from mos_app.store.connection import open_database
    from mos_app.store.state import set_closed

    db = open_database(args.study, args.database)
    set_closed(db, not args.reopen)
    state = "open again" if args.reopen else "closed; the results are on the admin page"
    print(f"{db.study.name} is {state}")
    db.close()
    return 0


def _add_forget(parser: argparse.ArgumentParser) -> None:
    add_study(parser)
    parser.add_argument("rater", metavar="RATER", help="the random name that the rater was shown")


def _run_forget(args: argparse.Namespace) -> int:
    from mos_app.store.connection import open_database
    from mos_app.store.raters import forget_rater

    db = open_database(args.study, args.database)
    gone = forget_rater(db, args.rater)
    print(f"{args.rater} is forgotten: " + ", ".join(f"{count} {table}" for table, count in gone.items()))
    print("files exported before still hold these rows: delete or export them again")
    db.close()
    return 0


def _add_export(parser: argparse.ArgumentParser) -> None:
    add_study(parser)
    parser.add_argument("--to", metavar="FOLDER", type=Path, help="where the files go (default STUDY/export)")


def _run_export(args: argparse.Namespace) -> int:
    from mos_app.store.connection import open_database
    from mos_app.store.exchange import export

    db = open_database(args.study, args.database)
    for path in export(db, args.to or args.study / "export"):
        print(path)
    db.close()
    return 0


def _add_import(parser: argparse.ArgumentParser) -> None:
    add_study(parser)
    parser.add_argument(
        "ratings", metavar="RATINGS.CSV", type=Path, help="a ratings.csv that `mos export` wrote"
    )
    parser.add_argument(
        "--raters",
        metavar="RATERS.CSV",
        type=Path,
        help="the people (default: raters.csv beside it, if there)",
    )


def _run_import(args: argparse.Namespace) -> int:
    from mos_app.store.connection import open_database
    from mos_app.store.importing import import_ratings

    db = open_database(args.study, args.database)
    raters, ratings = import_ratings(db, args.ratings, args.raters)
    print(f"{ratings} ratings of {raters} raters are in {args.study}")
    db.close()
    return 0


def _add_backup(parser: argparse.ArgumentParser) -> None:
    add_study(parser)
    parser.add_argument(
        "--to", metavar="FILE", type=Path, help="a new file (default: STUDY/backups/NAME-TIME)"
    )


def _run_backup(args: argparse.Namespace) -> int:
    from mos_app.store.backup import backup, default_name
    from mos_app.store.connection import open_database
    from mos_app.study.clock import now_text

    db = open_database(args.study, args.database)
    to = args.to or args.study / "backups" / default_name(db, now_text())
    content = backup(db, to)
    print(f"{to}: {content.text()}, {to.stat().st_size / 1e6:.1f} MB")
    db.close()
    return 0


def _add_restore(parser: argparse.ArgumentParser) -> None:
    add_study(parser)
    parser.add_argument("backup", metavar="FILE", type=Path, help="what `mos backup` wrote")
    parser.add_argument("--replace", action="store_true", help="even where raters are lost by it")


def _run_restore(args: argparse.Namespace) -> int:
    from mos_app.store.backup import restore
    from mos_app.store.connection import open_database

    db = open_database(args.study, args.database)
    content = restore(db, args.backup, replace=args.replace)
    print(f"{args.study} holds {content.text()} again; start `mos serve` anew where it runs")
    db.close()
    return 0


STATUS = Command("status", "tell how far every rater is", _add_status, _run_status)
CLOSE = Command("close", "end the study (or --reopen it)", _add_close, _run_close)
EXPORT = Command(
    "export", "write the ratings as CSV, Parquet, wide matrix and sureal JSON", _add_export, _run_export
)
IMPORT = Command("import", "put exported ratings into a study", _add_import, _run_import)
FORGET = Command("forget", "remove everything about one rater", _add_forget, _run_forget)
BACKUP = Command("backup", "copy the database while raters rate", _add_backup, _run_backup)
RESTORE = Command("restore", "put a backup back", _add_restore, _run_restore)
