"""`mos invite`, `mos rehearse`, `mos serve`: people come, real or simulated."""

import argparse
import getpass
import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mos_app.commands.arguments import LONGEST_DAYS, add_study
from sr_models.command import Command
from sr_models.data.errors import InputError

if TYPE_CHECKING:
    from mos_app.store.connection import Database

DEFAULT_PORT = 8501
LONGEST_SECONDS = 3600


def _add_invite(parser: argparse.ArgumentParser) -> None:
    add_study(parser)
    parser.add_argument("count", metavar="N", type=int, nargs="?", default=1, help="how many links")
    parser.add_argument("--reusable", action="store_true", help="links that any number of people may use")
    parser.add_argument("--label", metavar="TEXT", help="a name for the list of links")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--list", action="store_true", help="list the links made so far instead")
    instead.add_argument(
        "--revoke", metavar="NUMBER", help="end the link of this number instead; --list tells it"
    )
    parser.add_argument("--days", type=float, metavar="D", help="links expire after D days")
    parser.add_argument("--rater", metavar="ID", help="a link that brings this rater back, on any computer")
    parser.add_argument(
        "--url", default=f"http://127.0.0.1:{DEFAULT_PORT}", help="the study's public address"
    )


def _run_invite(args: argparse.Namespace) -> int:
    from mos_app.store.connection import open_database
    from mos_app.store.invites import invite_rows, make_invites, revoke_invite

    if args.count < 1:
        raise InputError(f"expected at least one link, got {args.count}")
    if args.days is not None and not 0 < args.days <= LONGEST_DAYS:
        raise InputError(f"--days: expected from above 0 to {LONGEST_DAYS}, got {args.days:g}")
    db = open_database(args.study, args.database)
    try:
        if args.revoke:
            revoke_invite(db, args.revoke)
            print(f"the link {args.revoke} lets nobody in any more")
        elif args.list:
            for row in invite_rows(db):
                uses = f"used {row['used']} times" if row["reusable"] else (row["rater"] or "")
                told = (
                    row["number"],
                    f"{row['state']:<8}",
                    row["created_at"][:16] + "Z",
                    uses,
                    row["label"] or "",
                )
                print("  ".join(told).rstrip())
        else:
            made = make_invites(
                db, args.count, reusable=args.reusable, days=args.days, rater=args.rater, label=args.label
            )
            for code in made:
                print(f"{args.url.rstrip('/')}/?invite={code}")
    finally:
        db.close()
    return 0


def _add_serve(parser: argparse.ArgumentParser) -> None:
    add_study(parser)
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1: put a proxy before it)"
    )
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    parser.add_argument(
        "--origin", metavar="URL", help="the public address, where a proxy changes the Host header"
    )
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="processes on one address; needs PostgreSQL"
    )
    parser.add_argument(
        "--trust-proxy",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="proxies (or *) that say in X-Forwarded-For who the client is (default 127.0.0.1)",
    )
    parser.add_argument("--set-password", action="store_true", help="set a new admin password first")


def _run_serve(args: argparse.Namespace) -> int:
    from mos_app.screens.asgi import create_app
    from mos_app.store.connection import open_database
    from mos_app.store.state import admin_hash
    from mos_app.web.server import check_port, serve

    db = open_database(args.study, args.database)
    _check_workers(db, args.workers)
    check_port(args.host, args.port)
    if args.set_password or admin_hash(db) is None:
        _set_password(db)
    print(f"{db.study.settings.title}: http://{args.host}:{args.port}  (admin: /admin)", flush=True)
    where = {"host": args.host, "port": args.port, "trusted_proxies": args.trust_proxy}
    if args.workers == 1:
        serve(create_app(db, args.study, public_origin=args.origin), **where)
    else:
        _tell_workers(db, args)
        db.close()
        serve("mos_app.screens.asgi:app_of_worker", workers=args.workers, **where)
    return 0


def _check_workers(db: "Database", workers: int) -> None:
    if workers < 1:
        raise InputError(f"--workers: expected at least 1, got {workers}")
    if workers > 1 and db.is_sqlite:
        raise InputError("--workers: several processes need PostgreSQL, this study's database is SQLite")


def _tell_workers(db: "Database", args: argparse.Namespace) -> None:
    from mos_app.screens.asgi import WORKER_ORIGIN, WORKER_STUDY

    os.environ[WORKER_STUDY] = str(args.study.resolve())
    os.environ["SRMOS_DATABASE"] = db.url
    if args.origin:
        os.environ[WORKER_ORIGIN] = args.origin


def _set_password(db: "Database") -> None:
    """Take the admin password from SRMOS_ADMIN_PASSWORD or the terminal; else make one and print it."""
    from mos_app.store.codes import password_hash
    from mos_app.store.state import set_admin_hash

    password = os.environ.get("SRMOS_ADMIN_PASSWORD")
    if password is None and sys.stdin.isatty():
        password = getpass.getpass("new admin password (at least 10 characters): ")
    if password is None:
        password = secrets.token_urlsafe(15)
        print(f"admin password, shown this once: {password}")
    if len(password) < 10:
        raise InputError("an admin password has at least 10 characters")
    set_admin_hash(db, password_hash(password))


def _add_rehearse(parser: argparse.ArgumentParser) -> None:
    add_study(parser)
    parser.add_argument(
        "--raters", type=int, default=3, metavar="N", help="simulated people at once (default 3)"
    )
    parser.add_argument(
        "--limit", type=int, metavar="N", help="ratings each at most (default: the whole study)"
    )
    parser.add_argument(
        "--think",
        type=float,
        nargs=2,
        default=(0.0, 0.0),
        metavar=("FROM", "TO"),
        help="seconds between picture and answer",
    )
    parser.add_argument(
        "--arrive",
        type=float,
        default=0.0,
        metavar="S",
        help="all come within S seconds (default 0: at once)",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes of the server")
    parser.add_argument(
        "--export", metavar="FOLDER", type=Path, help="keep the simulated ratings, to try `mos analyse` on"
    )


def _run_rehearse(args: argparse.Namespace) -> int:
    from mos_app.rehearsal.rehearse import Plan, rehearse

    _check_rehearsal(args)
    report = rehearse(
        args.study,
        Plan(
            raters=args.raters,
            limit=args.limit,
            think=tuple(args.think),
            seed=args.seed,
            arrive=args.arrive,
            workers=args.workers,
        ),
        database=args.database,
        export_to=args.export,
    )
    print(report.text())
    return 0 if report.is_clean() else 1


def _check_rehearsal(args: argparse.Namespace) -> None:
    for option, count in (("--raters", args.raters), ("--limit", args.limit), ("--workers", args.workers)):
        if count is not None and count < 1:
            raise InputError(f"{option}: expected at least 1, got {count}")
    if not 0 <= args.arrive <= LONGEST_SECONDS:
        raise InputError(f"--arrive: expected 0 to {LONGEST_SECONDS} seconds, got {args.arrive:g}")
    least, most = args.think
    if not 0 <= least <= most <= LONGEST_SECONDS:
        raise InputError(
            f"--think: expected two numbers of seconds, the smaller first, up to {LONGEST_SECONDS}; "
            f"got {least:g} {most:g}"
        )


INVITE = Command("invite", "print links that let people in", _add_invite, _run_invite)
REHEARSE = Command(
    "rehearse",
    "send simulated raters through the study, on a copy of its database",
    _add_rehearse,
    _run_rehearse,
)
SERVE = Command("serve", "show the study to raters, and its progress to you", _add_serve, _run_serve)
