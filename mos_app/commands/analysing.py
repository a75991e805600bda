"""`mos analyse` and `mos plan`: thin layers over `mos_app.analysis`."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from sr_models.command import Command
from sr_models.data.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from mos_app.analysis.input.panel import Crossing
    from mos_app.analysis.input.reading import StudyReader
    from mos_app.analysis.statistics.simulation import StudyVariances


def study_reader(database: str | None) -> "StudyReader":
    """Return what reads the ratings table of a study's folder, from its database or the one given."""

    def read(folder: str) -> "pd.DataFrame":
        from mos_app.store.connection import open_database
        from mos_app.store.exchange import ratings_frame

        db = open_database(folder, database)
        try:
            return ratings_frame(db)
        finally:
            db.close()

    return read


# -- analyse -----------------------------------------------------------------------------------


def _add_analyse(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source", metavar="STUDY|TABLE", help="a study, or ratings as .csv, .tsv, .parquet or .json"
    )
    parser.add_argument("--out", metavar="DIR", type=Path, default=Path("analysis"), help="default: analysis")
    parser.add_argument(
        "--scores", metavar="PATH", type=Path, help="scores.csv or a run's folder: judges its metrics"
    )
    parser.add_argument("--title", help="the report's title (default: the source's name)")
    parser.add_argument(
        "--reference", default="hr", metavar="NAME", help="the hidden reference (default: hr)"
    )
    parser.add_argument(
        "--screen",
        choices=["none", "bt500", "p913", "flags"],
        default="none",
        help="whom the headline leaves out; the report shows every rule's effect either way (default: none)",
    )
    parser.add_argument(
        "--scale", default="1,5", metavar="LOW,HIGH", help="ends of the rating scale (default: 1,5)"
    )
    parser.add_argument("--bootstrap", type=int, default=2000, metavar="N", help="draws (default: 2000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--database", metavar="URL", help="the study's database, where it is not in its folder"
    )


def _run_analyse(args: argparse.Namespace) -> int:
    import mos_app
    from mos_app.analysis.input.reading import read_table

    if args.bootstrap < 100:
        raise InputError(f"--bootstrap: expected 100 draws or more, got {args.bootstrap}")
    source = Path(args.source)
    analysis = mos_app.analyse(
        read_table(args.source, study_reader(args.database)),
        scores=_read_scores(args.scores) if args.scores else None,
        title=args.title or source.stem,
        reference=args.reference,
        screening=args.screen,
        scale=_scale(args.scale),
        draws=args.bootstrap,
        seed=args.seed,
    )
    written = analysis.write(args.out, source=source.name)
    for line in (*analysis.sections[0].text, *analysis.remarks):
        print(line)
    print(f"\n{len(written)} files in {args.out}; open {written[0]}")
    return 0


def _scale(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"--scale: expected LOW,HIGH such as 1,5, got {text!r}") from None
    if low >= high:
        raise InputError(f"--scale {text}: the low end must be below the high end")
    return low, high


def _read_scores(path: Path) -> "pd.DataFrame":
    import pandas as pd

    file = path / "scores.csv" if path.is_dir() else path
    if not file.is_file():
        raise InputError(f"no file {file}: expected scores.csv, or the folder that `bench run` wrote")
    return pd.read_csv(file, dtype={"model": str, "variant": str, "dataset": str, "image": str})


# -- plan --------------------------------------------------------------------------------------


def _add_plan(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--difference", type=float, required=True, metavar="MOS", help="the true difference to find"
    )
    parser.add_argument(
        "--power", type=float, default=0.8, help="how often it should be found (default: 0.8)"
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--study", metavar="STUDY|TABLE", help="take the variances from these ratings")
    source.add_argument(
        "--components",
        metavar="MP,MR,E",
        help="variances: method x picture, method x rater, residual (default: VQEG HD3's 0.155,0.051,0.313)",
    )
    parser.add_argument(
        "--comparisons", type=int, default=1, metavar="N", help="pairs of methods tested together"
    )
    parser.add_argument("--raters", type=_counts, metavar="N,N,...", help="numbers of raters to try")
    parser.add_argument("--pictures", type=_counts, metavar="N,N,...", help="numbers of pictures to try")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", metavar="DIR", type=Path, help="also write tables, figures and a page there")
    parser.add_argument(
        "--database", metavar="URL", help="the study's database, where it is not in its folder"
    )


def _counts(text: str) -> tuple[int, ...]:
    try:
        counts = tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected whole numbers such as 10,20,30, got {text!r}") from None
    if counts[0] < 2:
        raise argparse.ArgumentTypeError(f"expected at least 2, got {counts[0]}")
    return counts


def _run_plan(args: argparse.Namespace) -> int:
    from mos_app.analysis.report.chapters.plan import sections as plan_sections
    from mos_app.analysis.report.writing import write_sections
    from mos_app.analysis.statistics.planning import PICTURES, RATERS, plan_study

    _check_plan(args)
    plan = plan_study(
        args.difference,
        args.power,
        _variances(args),
        comparisons=args.comparisons,
        seed=args.seed,
        raters=args.raters or RATERS,
        pictures=args.pictures or PICTURES,
    )
    sections = plan_sections(plan)
    print("\n".join(sections[0].text), end="\n\n")
    for table in sections[0].tables:
        print(table.shown().to_string(index=False), end="\n\n")
    if args.out:
        source = args.study or args.components or "the variances of VQEG HD3"
        written = write_sections(sections, args.out, title="Plan of a rating study", facts={}, source=source)
        print(f"{len(written)} files in {args.out}; open {written[0]}")
    return 0


def _check_plan(args: argparse.Namespace) -> None:
    if not 0 < args.power < 1:
        raise InputError(f"--power {args.power:g}: a probability between 0 and 1, such as 0.8")
    if args.difference <= 0:
        raise InputError(f"--difference {args.difference:g}: a positive step of MOS, such as 0.2")
    if args.comparisons < 1:
        raise InputError(f"--comparisons {args.comparisons}: one pair of methods at least")


def _variances(args: argparse.Namespace) -> "StudyVariances":
    from mos_app.analysis.statistics.simulation import VQEG_HD3, StudyVariances

    if args.study:
        return _variances_of(args)
    if not args.components:
        return VQEG_HD3
    try:
        method_picture, method_rater, residual = (float(part) for part in args.components.split(","))
    except ValueError:
        raise InputError(
            f"--components: expected three variances, such as 0.155,0.051,0.313, got {args.components!r}"
        ) from None
    if min(method_picture, method_rater) < 0 or residual <= 0:
        raise InputError(f"--components {args.components}: a variance is not negative, the residual above 0")
    return StudyVariances(method_picture, method_rater, residual)


def _variances_of(args: argparse.Namespace) -> "StudyVariances":
    from mos_app.analysis.arrays import CannotSayError
    from mos_app.analysis.input.reading import read_table
    from mos_app.analysis.statistics.planning import study_variances

    try:
        return study_variances(_largest_crossing(read_table(args.study, study_reader(args.database))))
    except CannotSayError as error:
        raise InputError(str(error)) from error


def _largest_crossing(table: "pd.DataFrame") -> "Crossing":
    from bench.palette import model_order
    from mos_app.analysis.input.panel import crossings_of, panel_of
    from mos_app.analysis.input.ratings import check_ratings

    panel = panel_of(check_ratings(table))
    order = tuple(sorted(set(panel.stimuli["method"]), key=model_order))
    return max(crossings_of(panel, order), key=lambda crossing: len(crossing.pictures))


ANALYSE_COMMANDS = [
    Command(
        "analyse", "Turn ratings into tables, figures, statements and a report.", _add_analyse, _run_analyse
    ),
    Command("plan", "How many raters and pictures a difference needs.", _add_plan, _run_plan),
]
