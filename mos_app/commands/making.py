"""`mos new`: a study from a finished run or a folder of pictures."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mos_app.commands.arguments import add_study
from sr_models.command import Command
from sr_models.data.errors import InputError

if TYPE_CHECKING:
    from mos_app.study.definition import Settings, Study


def _add_new(parser: argparse.ArgumentParser) -> None:
    add_study(parser)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--run", metavar="DIR", help="the folder that `bench run` wrote")
    source.add_argument("--images", metavar="FOLDER", help="a folder of <method>/<picture>.png")
    pictures = parser.add_argument_group("pictures")
    pictures.add_argument("--models", nargs="+", metavar="NAME", help="only these methods")
    pictures.add_argument("--datasets", nargs="+", metavar="NAME", help="only these datasets")
    pictures.add_argument("--scale", type=int, help="which scale of the run")
    pictures.add_argument("--lr", metavar="NAME", help="which LR pictures of the run, where it has several")
    pictures.add_argument(
        "--design", choices=["srgan"], help="srgan: 12/12/9 versions, 1128 ratings, 20 calibration pictures"
    )
    pictures.add_argument(
        "--stand-in",
        nargs="+",
        default=[],
        metavar="NAME=MODEL",
        help="with --design: another model for one of the paper's",
    )
    pictures.add_argument(
        "--max-height", type=int, metavar="PX", help="crop taller pictures around their middle"
    )
    pictures.add_argument(
        "--max-width", type=int, metavar="PX", help="crop wider pictures around their middle"
    )
    pictures.add_argument(
        "--reference", action="store_true", help="refer to the pictures by sha256 instead of copying them"
    )
    pictures.add_argument(
        "--calibration",
        type=int,
        metavar="N",
        help="calibration pictures, each shown at its worst and best (default 5; srgan 20)",
    )
    pictures.add_argument("--calibration-folder", metavar="FOLDER", help="take them from here")
    rating = parser.add_argument_group("rating")
    rating.add_argument(
        "--method",
        choices=["acr", "dcr", "pairs"],
        default="acr",
        help="acr: 1 to 5; dcr: beside the original; pairs: which is better",
    )
    rating.add_argument("--labels", metavar="A,B,...", help="words for the scores, lowest first")
    rating.add_argument(
        "--language", choices=["en", "zh"], default="en", help="the first language; raters may switch"
    )
    rating.add_argument("--title", default="Picture quality", help="what raters see as the study's name")
    rating.add_argument(
        "--repeats",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="share of trials shown twice, unannounced (0.05 is 5 %%)",
    )
    rating.add_argument(
        "--repeat-lag",
        type=int,
        default=20,
        metavar="N",
        help="trials at least between a picture and its repeat",
    )
    rating.add_argument(
        "--break-every",
        type=int,
        default=150,
        metavar="N",
        help="ratings between two offered breaks; 0 for none",
    )
    rating.add_argument(
        "--raters", type=int, metavar="N", help="how many may enter (default: no limit; srgan 26)"
    )
    rating.add_argument("--seed", type=int, default=0)
    people = parser.add_argument_group("people")
    people.add_argument("--consent", metavar="FILE", help="your own consent text (plain text)")
    people.add_argument("--contact", metavar="TEXT", help="whom raters can ask")
    people.add_argument(
        "--completion-code", metavar="CODE", help="one code for all (default: one for each rater)"
    )
    people.add_argument("--completion-url", metavar="URL", help="where a panel takes its people back")
    people.add_argument("--screen-out-code", metavar="CODE", help="for people whose screen does not fit")
    people.add_argument("--screen-out-url", metavar="URL", help="where a panel takes them back")
    people.add_argument(
        "--allow", nargs="+", default=[], choices=["touch"], help="touch: phones and tablets may take part"
    )
    people.add_argument(
        "--checks",
        choices=["strict", "warn"],
        default="strict",
        help="whether zoom and grey steps hold people up, or are only recorded (default strict)",
    )
    people.add_argument(
        "--hours",
        metavar="'HH:MM-HH:MM ZONE'",
        help="when people may rate, such as '09:00-18:00 Europe/Berlin'",
    )
    people.add_argument(
        "--panel-again",
        choices=["resume", "refuse"],
        default="resume",
        help="what a panel's id that has entered before does (default resume)",
    )
    people.add_argument(
        "--panel-parameter",
        default="id",
        metavar="NAME",
        help="the address parameter with a panel's id of a person (default: id)",
    )


def _run_new(args: argparse.Namespace) -> int:
    from mos_app.store.connection import keep_url, open_database
    from mos_app.study import sources
    from mos_app.study.freeze import Calibration, Limits, calibration_pictures, freeze

    versions = sources.versions_from(
        run=args.run,
        images=args.images,
        scale=args.scale,
        lr=args.lr,
        models=args.models,
        datasets=args.datasets,
    )
    srgan = args.design == "srgan"
    if srgan:
        versions = sources.srgan_design(versions, _stand_ins(args.stand_in))
    count = (
        args.calibration if args.calibration is not None else (sources.SRGAN_CALIBRATION if srgan else None)
    )
    study = freeze(
        args.study,
        versions,
        _settings(args, raters=args.raters if args.raters is not None or not srgan else sources.SRGAN_RATERS),
        calibration=Calibration(
            calibration_pictures(count, args.seed, args.calibration_folder, versions),
            args.scale or sources.SRGAN_SCALE,
        ),
        limits=Limits(args.max_width, args.max_height),
        copy=not args.reference,
    )
    if args.database:
        keep_url(args.study, args.database)
    db = open_database(args.study, args.database)
    db.close()
    _tell(study, args.study)
    return 0


def _tell(study: "Study", folder: Path) -> None:
    from mos_app.study.stages import calibration_count

    width, height = study.frame
    print(
        f"{folder}: {len(study.by_picture)} pictures in {len(study.stimuli)} versions, "
        f"{calibration_count(study)} calibration trials, method {study.settings.method}; "
        f"at most {width}x{height} pixels on the screen"
    )
    if not study.anchors:
        print(
            "there is NO practice: no calibration pictures were found besides those rated; "
            "give --calibration-folder"
        )
    print(f"next: mos invite {folder} 5, then mos serve {folder}")


def _settings(args: argparse.Namespace, raters: int | None) -> "Settings":
    from mos_app.study.definition import Settings

    labels = tuple(label.strip() for label in args.labels.split(",")) if args.labels else None
    wanted = 2 if args.method == "pairs" else 5
    if labels is not None and len(labels) != wanted:
        raise InputError(f"--labels: expected {wanted} words, lowest score first, got {len(labels)}")
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
        panel_again=args.panel_again,
        touch="allow" if "touch" in args.allow else "refuse",
        checks=args.checks,
        screen_out_code=args.screen_out_code,
        screen_out_url=args.screen_out_url,
        hours=args.hours,
    )


def _text_of(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as text ({error})") from None


def _stand_ins(pairs: Sequence[str]) -> dict[str, str]:
    for pair in pairs:
        if "=" not in pair:
            raise InputError(f"--stand-in: expected NAME=MODEL, got {pair!r}")
    return dict(pair.split("=", 1) for pair in pairs)


NEW = Command("new", "make a study from a finished bench run or a folder of pictures", _add_new, _run_new)
