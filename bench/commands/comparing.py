"""`bench compare`, `grid` and `fid`: the models of a run beside each other."""

import argparse
from pathlib import Path

from bench.commands.arguments import add_results, add_weights, say
from sr_models.command import Command


def _compare_arguments(parser: argparse.ArgumentParser) -> None:
    add_results(parser)
    add = parser.add_argument
    add("--a", nargs="+", default=[], metavar="NAME", help="models to compare (default: all pairs)")
    add("--b", nargs="+", default=[], metavar="NAME", help="with these (default: with all others)")
    add("--datasets", nargs="+", default=[], metavar="NAME", help="only on these sets")
    add("--protocols", nargs="+", default=[], metavar="NAME", help="only under these protocols")
    add("--metrics", nargs="+", default=[], metavar="NAME", help="only by these metrics")
    add("--seed", type=int, default=0, help="seed of the bootstrap (default: 0)")


def _compare(args: argparse.Namespace) -> int:
    from bench.analysis.compare import Question, compare, missing
    from bench.analysis.results import read_results
    from bench.figures.write import write_differences
    from bench.reports.comparison_tables import markdown, write_comparisons

    results = read_results(args.results)
    question = Question(
        a=tuple(args.a),
        b=tuple(args.b),
        datasets=tuple(args.datasets),
        protocols=tuple(args.protocols),
        metrics=tuple(args.metrics),
        seed=args.seed,
    )
    comparisons = compare(results, question)
    folder = args.results / "compare"
    files = write_comparisons(comparisons, folder, question.stem, args.seed)
    if len({(c.a, c.b) for c in comparisons}) == 1:
        files += write_differences(comparisons, folder, question.stem)
    first = comparisons[0].column
    print(markdown([c for c in comparisons if args.protocols or c.column.stem == first.stem], args.seed))
    others = {c.column.stem for c in comparisons} - {first.stem}
    if others and not args.protocols:
        say(f"{len(others)} more under other protocols: in the files, or name --protocols")
    for line in missing(results, question):
        say(f"note: {line}")
    say(f"{len(files)} files in {folder}: {question.stem}.md, .tex, .csv, ...")
    return 0


def _grid_arguments(parser: argparse.ArgumentParser) -> None:
    add_results(parser)
    add = parser.add_argument
    add("--image", required=True, metavar="NAME", help="the picture, by id or common name: img_001, baboon")
    add("--dataset", default="", metavar="NAME", help="its set, where several have such a picture")
    add(
        "--crop",
        default="",
        metavar="X,Y,W,H",
        help="in pixels of the saved HR picture; W,H or nothing: where the methods disagree most",
    )
    add("--models", nargs="+", default=[], metavar="NAME", help="methods to show (default: all)")
    add("--rows", type=int, default=1, help="rows of crops, 1 or 2 (default: 1)")
    add(
        "--width",
        type=float,
        default=176,
        metavar="MM",
        help="width of the figure: 176 (default), 85 for one column of a paper",
    )
    add(
        "--protocol",
        default="",
        metavar="NAME",
        help="protocol of the printed scores (default: the first one of the run)",
    )
    add("--metrics", nargs="+", default=[], metavar="NAME", help="scores to print (default: psnr ssim)")
    add("--scale", type=int, metavar="N", help="needed where the run has several")
    add("--lr", default="", metavar="NAME", help="needed where the run has several")
    add(
        "--out",
        type=Path,
        metavar="FILE",
        help="default: DIR/grids/<set>_<picture>_x<scale>[-<lr>].png and .pdf",
    )


def _grid(args: argparse.Namespace) -> int:
    from bench.figures.grid import GridRequest, make_grid
    from bench.figures.grid_sheet import stem_of, write_grid

    request = GridRequest(
        results=args.results,
        image=args.image,
        dataset=args.dataset,
        models=tuple(args.models),
        crop=args.crop,
        protocol=args.protocol,
        metrics=tuple(args.metrics),
        scale=args.scale,
        lr=args.lr,
    )
    grid = make_grid(request)
    out = args.out or args.results / "grids" / stem_of(grid)
    for path in write_grid(grid, out, rows=args.rows, width_mm=args.width):
        say(f"wrote {path}")
    print(grid.note)
    return 0


def _fid_arguments(parser: argparse.ArgumentParser) -> None:
    add_results(parser)
    add = parser.add_argument
    add("--patch", type=int, default=128, metavar="N", help="side of a patch in pixels (default: 128)")
    add("--device", default="auto", help="auto, cpu, cuda (default: auto)")
    add_weights(parser)


def _fid(args: argparse.Namespace) -> int:
    from bench.perceptual.patch_fid import patch_fids
    from bench.reports.fid_table import fid_markdown, write_fids

    found = list(patch_fids(args.results, side=args.patch, weights_dir=args.weights_dir, device=args.device))
    print(fid_markdown(found))
    say(f"wrote {write_fids(args.results, found)}")
    return 0


COMPARE = Command(
    "compare",
    "test models against each other over pictures: is the difference real?",
    _compare_arguments,
    _compare,
)
GRID = Command("grid", "show one picture's crop from every model side by side", _grid_arguments, _grid)
FID = Command("fid", "patch FID of a run's pictures (pip install -e '.[fid]')", _fid_arguments, _fid)
