"""The `mos` commands that make, run and empty a study. Each is a thin layer over a function."""

import argparse
import getpass
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sr_models.command import Command
from sr_models.data.errors import InputError

if TYPE_CHECKING:
    from mos_app.store import Store
    from mos_app.study import Settings

DEFAULT_PORT = 8501


def _add_study(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", metavar="STUDY", type=Path, help="the study's folder")
    parser.add_argument(
        "--database", metavar="URL", help="PostgreSQL instead of SQLite: postgresql://USER:PASSWORD@HOST/NAME"
    )


# -- new ---------------------------------------------------------------------------------------


def _add_new(parser: argparse.ArgumentParser) -> None:
    _add_study(parser)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--run", metavar="DIR", help="the folder that `bench run` wrote")
    source.add_argument("--images", metavar="FOLDER", help="a folder of <method>/<picture>.png")
    pictures = parser.add_argument_group("pictures")
    pictures.add_argument("--models", nargs="+", metavar="NAME", help="only these methods")
    pictures.add_argument("--datasets", nargs="+", metavar="NAME", help="only these datasets")
    pictures.add_argument("--scale", type=int, help="which scale of the run")
    pictures.add_argument("--design", choices=["srgan"], help="srgan: 12/12/9 versions, 1128 ratings, 20 calibration pictures")
    pictures.add_argument("--stand-in", nargs="+", default=[], metavar="NAME=MODEL", help="with --design: another model for one of the paper's")
    pictures.add_argument("--max-height", type=int, metavar="PX", help="crop taller pictures around their middle")
    pictures.add_argument("--max-width", type=int, metavar="PX", help="crop wider pictures around their middle")
    pictures.add_argument("--reference", action="store_true", help="refer to the pictures by sha256 instead of copying them")
    pictures.add_argument("--calibration", type=int, metavar="N", help="calibration pictures, each shown at its worst and best (default 5; srgan 20)")
    pictures.add_argument("--calibration-folder", metavar="FOLDER", help="take them from here")
    rating = parser.add_argument_group("rating")
    rating.add_argument("--method", choices=["acr", "dcr", "pairs"], default="acr", help="acr: 1 to 5; dcr: beside the original; pairs: which is better")
    rating.add_argument("--labels", metavar="A,B,...", help="words for the scores, lowest first")
    rating.add_argument("--language", choices=["en", "zh"], default="en", help="the first language; raters may switch")
    rating.add_argument("--title", default="Picture quality", help="what raters see as the study's name")
    rating.add_argument("--repeats", type=float, default=0.0, metavar="SHARE", help="share of trials shown twice, unannounced (0.05 is 5 %%)")
    rating.add_argument("--repeat-lag", type=int, default=20, metavar="N", help="trials at least between a picture and its repeat")
    rating.add_argument("--break-every", type=int, default=150, metavar="N", help="ratings between two offered breaks; 0 for none")
    rating.add_argument("--raters", type=int, metavar="N", help="how many may enter (default: no limit; srgan 26)")
    rating.add_argument("--seed", type=int, default=0)
    people = parser.add_argument_group("people")
    people.add_argument("--consent", metavar="FILE", help="your own consent text (plain text)")
    people.add_argument("--contact", metavar="TEXT", help="whom raters can ask")
    people.add_argument("--completion-code", metavar="CODE", help="one code for all (default: one for each rater)")
    people.add_argument("--completion-url", metavar="URL", help="where a panel wants its people back")
    people.add_argument("--panel-parameter", default="id", metavar="NAME", help="the address parameter with a panel's id of a person (default: id)")


def _run_new(args: argparse.Namespace) -> int:
    from mos_app import sources
    from mos_app.database import keep_url
    from mos_app.freeze import Calibration, Limits, calibration_pictures, freeze
    from mos_app.store import Store

    versions = sources.versions_in_run(args.run, args.scale) if args.run else sources.versions_in_folder(args.images)
    versions = sources.only(versions, models=args.models, datasets=args.datasets)
    srgan = args.design == "srgan"
    if srgan:
        versions = sources.srgan_design(versions, _stand_ins(args.stand_in))
    count = args.calibration if args.calibration is not None else (sources.SRGAN_CALIBRATION if srgan else None)
    study = freeze(
        args.study,
        versions,
        _settings(args, raters=args.raters or (sources.SRGAN_RATERS if srgan else None)),
        calibration=Calibration(
            calibration_pictures(count, args.seed, args.calibration_folder, versions),
            args.scale or sources.SRGAN_SCALE,
        ),
        limits=Limits(args.max_width, args.max_height),
        copy=not args.reference,
    )
    if args.database:
        keep_url(args.study, args.database)
    store = Store.open(args.study, args.database)
    store.close_connections()
    _tell_new(args.study)
    width, height = study.frame
    print(f"the largest thing shown is {width}x{height} pixels; next: mos invite {args.study} 5, mos serve {args.study}")
    return 0


def _tell_new(folder: Path) -> None:
    from mos_app.stages import calibration_count
    from mos_app.study import load

    study = load(folder)
    main = len(study.stimuli)
    print(
        f"{folder}: {len(study.by_picture)} pictures in {main} versions, "
        f"{calibration_count(study)} calibration trials, method {study.settings.method}"
    )


def _settings(args: argparse.Namespace, raters: int | None) -> "Settings":
    from mos_app.study import Settings

    labels = tuple(label.strip() for label in args.labels.split(",")) if args.labels else None
    wanted = 2 if args.method == "pairs" else 5
    if labels is not None and len(labels) != wanted:
        raise InputError(f"--labels wants {wanted} words, lowest score first; {len(labels)} came")
    if not 0 <= args.repeats < 1 or args.repeat_lag < 1 or args.break_every < 0:
        raise InputError("--repeats is a share from 0 to below 1, --repeat-lag at least 1, --break-every at least 0")
    return Settings(
        title=args.title,
        method=args.method,
        language=args.language,
        labels=labels,
        seed=args.seed,
        repeat_share=args.repeats,
        repeat_lag=args.repeat_lag,
        break_every=args.break_every,
        raters=raters,
        consent=_text_of(args.consent) if args.consent else None,
        contact=args.contact,
        completion_code=args.completion_code,
        completion_url=args.completion_url,
        panel_parameter=args.panel_parameter,
    )


def _text_of(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as text ({error})") from None


def _stand_ins(pairs: Sequence[str]) -> dict[str, str]:
    for pair in pairs:
        if "=" not in pair:
            raise InputError(f"--stand-in wants NAME=MODEL, {pair!r} came")
    return dict(pair.split("=", 1) for pair in pairs)


# -- invite ------------------------------------------------------------------------------------


def _add_invite(parser: argparse.ArgumentParser) -> None:
    _add_study(parser)
    parser.add_argument("count", metavar="N", type=int, nargs="?", default=1, help="how many links")
    parser.add_argument("--reusable", action="store_true", help="links that any number of people may use")
    parser.add_argument("--days", type=float, metavar="D", help="links expire after D days")
    parser.add_argument("--rater", metavar="ID", help="a link that brings this rater back, on any computer")
    parser.add_argument("--url", default=f"http://127.0.0.1:{DEFAULT_PORT}", help="the study's public address")


def _run_invite(args: argparse.Namespace) -> int:
    from mos_app.store import Store

    if args.count < 1:
        raise InputError("at least one link is wanted")
    store = Store.open(args.study, args.database)
    for code in store.invite(args.count, reusable=args.reusable, days=args.days, rater=args.rater):
        print(f"{args.url.rstrip('/')}/?invite={code}")
    store.close_connections()
    return 0


# -- serve -------------------------------------------------------------------------------------


def _add_serve(parser: argparse.ArgumentParser) -> None:
    _add_study(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1: put a proxy before it)")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    parser.add_argument("--origin", metavar="URL", help="the public address, where a proxy changes the Host header")
    parser.add_argument("--set-password", action="store_true", help="set a new admin password first")


def _run_serve(args: argparse.Namespace) -> int:
    from mos_app.server import serve
    from mos_app.store import Store

    store = Store.open(args.study, args.database)
    if args.set_password or store.admin_hash() is None:
        _set_password(store)
    print(f"{store.study.settings.title}: http://{args.host}:{args.port}  (admin: /admin)", flush=True)
    serve(store, args.study, host=args.host, port=args.port, public_origin=args.origin)
    return 0


def _set_password(store: "Store") -> None:
    """Take the admin password from SRMOS_ADMIN_PASSWORD or the terminal; without either, make one and say it."""
    from mos_app.access import password_hash

    password = os.environ.get("SRMOS_ADMIN_PASSWORD")
    if password is None and sys.stdin.isatty():
        password = getpass.getpass("new admin password (at least 10 characters): ")
    if password is None:
        password = secrets.token_urlsafe(15)
        print(f"admin password, shown this once: {password}")
    if len(password) < 10:
        raise InputError("an admin password has at least 10 characters")
    store.set_admin_hash(password_hash(password))


# -- status, close, forget -----------------------------------------------------------------------


def _run_status(args: argparse.Namespace) -> int:
    from mos_app.flags import flags_by_rater
    from mos_app.store import Store

    store = Store.open(args.study, args.database)
    flags = flags_by_rater(store)
    raters = store.rater_rows()
    invites = store.invite_rows()
    state = f"closed {store.closed_at()}" if store.closed_at() else "open"
    print(f"{store.study.name}: {state}; {len(raters)} raters, {sum(1 for r in raters if r['finished_at'])} finished; "
          f"{sum(1 for i in invites if not i['used'])} of {len(invites)} links unused")
    for row in raters:
        told = ", ".join(flags.get(row["id"], [])) or "-"
        print(f"{row['id']}  {row['done']:>5}/{row['total']:<5}  {'finished' if row['finished_at'] else 'under way':<9}  {told}")
    store.close_connections()
    return 0


def _add_close(parser: argparse.ArgumentParser) -> None:
    _add_study(parser)
    parser.add_argument("--reopen", action="store_true", help="take ratings again")


def _run_close(args: argparse.Namespace) -> int:
    from mos_app.store import Store

    store = Store.open(args.study, args.database)
    store.set_closed(not args.reopen)
    print(f"{store.study.name} is {'open again' if args.reopen else 'closed; the results are on the admin page'}")
    store.close_connections()
    return 0


def _add_forget(parser: argparse.ArgumentParser) -> None:
    _add_study(parser)
    parser.add_argument("rater", metavar="RATER", help="the random name that the rater was shown")


def _run_forget(args: argparse.Namespace) -> int:
    from mos_app.store import Store

    store = Store.open(args.study, args.database)
    gone = store.forget(args.rater)
    print(f"{args.rater} is forgotten: " + ", ".join(f"{count} {table}" for table, count in gone.items()))
    print("files exported before still hold these rows: delete or export them again")
    store.close_connections()
    return 0


# -- export, import ------------------------------------------------------------------------------


def _add_export(parser: argparse.ArgumentParser) -> None:
    _add_study(parser)
    parser.add_argument("--to", metavar="FOLDER", type=Path, help="where the files go (default STUDY/export)")


def _run_export(args: argparse.Namespace) -> int:
    from mos_app.exchange import export
    from mos_app.store import Store

    store = Store.open(args.study, args.database)
    for path in export(store, args.to or args.study / "export"):
        print(path)
    store.close_connections()
    return 0


def _add_import(parser: argparse.ArgumentParser) -> None:
    _add_study(parser)
    parser.add_argument("ratings", metavar="RATINGS.CSV", type=Path, help="a ratings.csv that `mos export` wrote")


def _run_import(args: argparse.Namespace) -> int:
    from mos_app.exchange import import_ratings
    from mos_app.store import Store

    store = Store.open(args.study, args.database)
    raters, ratings = import_ratings(store, args.ratings)
    print(f"{ratings} ratings of {raters} raters are in {args.study}")
    store.close_connections()
    return 0


# -- rehearse ------------------------------------------------------------------------------------


def _add_rehearse(parser: argparse.ArgumentParser) -> None:
    _add_study(parser)
    parser.add_argument("--raters", type=int, default=3, metavar="N", help="simulated people at once (default 3)")
    parser.add_argument("--limit", type=int, metavar="N", help="ratings each at most (default: the whole study)")
    parser.add_argument("--think", type=float, nargs=2, default=(0.0, 0.0), metavar=("FROM", "TO"), help="seconds between picture and answer")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--export", metavar="FOLDER", type=Path, help="keep the simulated ratings, to try `mos analyse` on")


def _run_rehearse(args: argparse.Namespace) -> int:
    from mos_app.rehearsal import Plan, rehearse

    report = rehearse(
        args.study,
        Plan(raters=args.raters, limit=args.limit, think=tuple(args.think), seed=args.seed),
        database=args.database,
        export_to=args.export,
    )
    print(report.text())
    return 0 if report.is_clean() else 1


STUDY_COMMANDS = [
    Command("new", "make a study from a finished bench run or a folder of pictures", _add_new, _run_new),
    Command("invite", "print links that let people in", _add_invite, _run_invite),
    Command("rehearse", "send simulated raters through the study, on a copy of its database", _add_rehearse, _run_rehearse),
    Command("serve", "show the study to raters, and its progress to you", _add_serve, _run_serve),
    Command("status", "tell how far every rater is, and what looks odd", _add_study, _run_status),
    Command("close", "end the study (or --reopen it)", _add_close, _run_close),
    Command("export", "write the ratings as CSV, Parquet, wide matrix and sureal JSON", _add_export, _run_export),
    Command("import", "put exported ratings into a study", _add_import, _run_import),
    Command("forget", "remove everything about one rater", _add_forget, _run_forget),
]
