"""`mos edit`, `pause`, `resume`, `extend`: what may change while a study runs."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mos_app.commands.arguments import LONGEST_DAYS, add_study
from sr_models.command import Command
from sr_models.data.errors import InputError

if TYPE_CHECKING:
    from mos_app.store.connection import Database
    from mos_app.study.sources import Version

NONE = "none"
_PLAIN = ("title", "contact", "hours", "completion_url", "screen_out_code", "screen_out_url")


def _add_edit(parser: argparse.ArgumentParser) -> None:
    add_study(parser)
    parser.add_argument("--title", metavar="TEXT")
    parser.add_argument("--contact", metavar="TEXT", help="whom raters can ask")
    parser.add_argument("--raters", metavar="N", help="how many may enter")
    parser.add_argument("--hours", metavar="HH:MM-HH:MM ZONE", help="when people may rate")
    parser.add_argument("--completion-url", metavar="URL")
    parser.add_argument("--screen-out-code", metavar="CODE")
    parser.add_argument("--screen-out-url", metavar="URL")
    parser.add_argument(
        "--text",
        action="append",
        default=[],
        metavar="LANGUAGE.NAME=TEXT",
        help="a sentence of mos_app/study/words, such as en.welcome_lead=Hello; @FILE reads it from a file",
    )
    parser.add_argument(
        "--release", nargs="+", default=[], metavar="RATER", help="give back the places of these raters"
    )
    parser.add_argument(
        "--release-idle", type=float, metavar="DAYS", help="and of all who have rated nothing for so long"
    )
    parser.add_argument("--log", action="store_true", help="print who changed what, and when")
    parser.epilog = (
        f"The word {NONE} in place of a value takes a setting away. Without options: how things stand."
    )


def _run_edit(args: argparse.Namespace) -> int:
    from mos_app.store.connection import open_database
    from mos_app.store.raters import release_places
    from mos_app.store.state import change_rows, edit_study

    changes = _changes(args)
    if args.release_idle is not None and not 0 <= args.release_idle <= LONGEST_DAYS:
        raise InputError(f"--release-idle: expected 0 to {LONGEST_DAYS} days, got {args.release_idle:g}")
    db = open_database(args.study, args.database)
    try:
        different = edit_study(db, changes) if changes else []
        released: list[str] = []
        if args.release or args.release_idle is not None:
            released = release_places(db, args.release, idle_days=args.release_idle)
            print(f"places given back: {', '.join(released) or 'none'}")
        if changes:
            print(f"changed: {', '.join(different) or 'nothing is different'}")
        if args.log:
            for row in change_rows(db):
                change = f"{row['before'] or '-'} -> {row['after'] or '-'}"
                print(f"{row['at']}  {row['who']}  {row['what']}: {change}")
        elif not changes and not args.release and args.release_idle is None:
            _tell(db)
    finally:
        db.close()
    return 0


def _changes(args: argparse.Namespace) -> dict[str, Any]:
    given = {name: getattr(args, name) for name in _PLAIN if getattr(args, name) is not None}
    changes: dict[str, Any] = {name: None if value == NONE else value for name, value in given.items()}
    if args.title == NONE:
        raise InputError(f"--title: a study has a title; {NONE} takes away other settings")
    if args.raters is not None:
        changes["raters"] = None if args.raters == NONE else _whole("--raters", args.raters)
    if args.text:
        changes["texts"] = dict(_text(pair) for pair in args.text)
    return changes


def _whole(option: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise InputError(f"{option}: expected a whole number or {NONE}, got {text!r}") from None


def _text(pair: str) -> tuple[str, str | None]:
    name, equals, text = pair.partition("=")
    if not equals:
        raise InputError(f"--text: expected LANGUAGE.NAME=TEXT, got {pair!r}")
    if text == NONE:
        return name, None
    if not text.startswith("@"):
        return name, text
    try:
        return name, Path(text[1:]).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{text[1:]}: cannot be read as text ({error})") from None


def _tell(db: "Database") -> None:
    from mos_app.store.state import EDITABLE, standing

    settings = standing(db).settings
    for name in EDITABLE:
        value = getattr(settings, name)
        if name == "texts":
            value = ", ".join(value)
        print(f"{name:<16} {NONE if value in (None, '') else value}")


def _set_paused(args: argparse.Namespace, *, paused: bool) -> int:
    from mos_app.store.connection import open_database
    from mos_app.store.state import set_paused, standing

    db = open_database(args.study, args.database)
    set_paused(db, paused)
    closed = standing(db).closed_at
    told = "paused; raters keep their places" if paused else "open again" if not closed else "still closed"
    print(f"{db.study.name} is {told}")
    db.close()
    return 0


def _run_pause(args: argparse.Namespace) -> int:
    return _set_paused(args, paused=True)


def _run_resume(args: argparse.Namespace) -> int:
    return _set_paused(args, paused=False)


def _add_extend(parser: argparse.ArgumentParser) -> None:
    add_study(parser)
    parser.add_argument("--raters", type=int, metavar="N", help="so many more may enter")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--run", metavar="DIR", help="more pictures: the folder that `bench run` wrote")
    source.add_argument("--images", metavar="FOLDER", help="more pictures: <method>/<picture>.png")
    parser.add_argument("--models", nargs="+", metavar="NAME", help="only these methods")
    parser.add_argument("--datasets", nargs="+", metavar="NAME", help="only these datasets")
    parser.add_argument("--scale", type=int, help="which scale of the run")
    parser.add_argument("--lr", metavar="NAME", help="which LR pictures of the run, where it has several")
    parser.add_argument(
        "--max-height", type=int, metavar="PX", help="crop taller pictures around their middle"
    )
    parser.add_argument("--max-width", type=int, metavar="PX", help="crop wider pictures around their middle")
    parser.add_argument(
        "--reference", action="store_true", help="refer to the pictures instead of copying them"
    )


def _run_extend(args: argparse.Namespace) -> int:
    from mos_app.store.connection import open_database
    from mos_app.store.state import add_raters
    from mos_app.study.freeze import check_block

    if args.raters is None and not args.run and not args.images:
        raise InputError("expected --raters N, --run DIR or --images FOLDER: what should there be more of?")
    db = open_database(args.study, args.database)
    try:
        versions = _versions(args)
        if versions:  # looked at before anything changes
            check_block(db.study, versions)
        if args.raters is not None:
            print(f"{args.study}: {add_raters(db, args.raters)} raters may enter")
        if versions:
            _add_block(args, db, versions)
    finally:
        db.close()
    return 0


def _versions(args: argparse.Namespace) -> "list[Version]":
    from mos_app.study.sources import versions_from

    if not args.run and not args.images:
        return []
    return versions_from(
        run=args.run,
        images=args.images,
        scale=args.scale,
        lr=args.lr,
        models=args.models,
        datasets=args.datasets,
    )


def _add_block(args: argparse.Namespace, db: "Database", versions: "list[Version]") -> None:
    from mos_app.store.blocks import add_block, told
    from mos_app.study.freeze import Limits

    limits = Limits(args.max_width, args.max_height)
    grown = add_block(db, args.study, versions, limits=limits, copy=not args.reference)
    print(f"{args.study}: block {grown.blocks} with {told(grown, versions)}; it follows for everybody")
    print("a server that shows this folder has it now; replicas need a copy of the folder")


EDIT = Command("edit", "change what no rating depends on, while the study runs", _add_edit, _run_edit)
PAUSE = Command("pause", "let nobody begin or go on for a while", add_study, _run_pause)
RESUME = Command("resume", "let people begin and go on again", add_study, _run_resume)
EXTEND = Command("extend", "more raters, or more pictures as a further block", _add_extend, _run_extend)
