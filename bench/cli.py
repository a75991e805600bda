"""`bench`: scores from the command line."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sr_models.command import Command, run_command

if TYPE_CHECKING:
    from bench.running.ratings import Joined
    from bench.running.request import Summary

RESULTS = Path("results/bench")


def main(argv: Sequence[str] | None = None) -> int:
    """Run `bench` and return its exit code."""
    return run_command(
        "bench", "Super-resolution scores that can be compared, digit by digit.", COMMANDS, argv
    )


def _run_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--datasets",
        nargs="+",
        default=["sample"],
        metavar="NAME[=FOLDER]",
        help="sets by name (`bench datasets`), or NAME=FOLDER of your own HR pictures or of folders HR "
        "and LR (default: sample)",
    )
    add(
        "--lr-only",
        action="store_true",
        help="NAME=FOLDER holds LR pictures without originals: metrics that need none are computed",
    )
    add(
        "--models",
        nargs="+",
        default=[],
        metavar="NAME[=SPEC]",
        help="models by name (`bench models`), files or patterns of files ('runs/*.safetensors', called by "
        "their stems), NAME=SPEC (weights, module:function or file.py:function), or `all` (default: those "
        "not slow)",
    )
    add(
        "--outputs",
        nargs="+",
        default=[],
        metavar="NAME[=FOLDER]",
        help="pictures made elsewhere: a published set (srgan-authors), or NAME=FOLDER",
    )
    add(
        "--pattern",
        metavar="TEXT",
        help="file name of one output, from {dataset} {scale} {image} {name}, such as '{name}_SRGAN.png'",
    )
    add("--scale", type=int, default=4, help="upscaling factor (default: 4)")
    add(
        "--lr",
        default="matlab",
        metavar="NAME",
        help="how LR comes from HR: matlab, matlab-mirror, matlab-double, matlab-double-mirror, or "
        "`stored` to read the set's own LR files (default: matlab); RealSR and DRealSR "
        "always have their own",
    )
    add(
        "--protocols",
        nargs="+",
        default=["matlab"],
        metavar="NAME",
        help="how pictures are compared: matlab, basicsr, srgan, srcnn, rgb, realsr (default: matlab)",
    )
    add(
        "--metrics",
        nargs="+",
        default=["psnr", "ssim"],
        metavar="NAME",
        help="what is measured (`bench metrics`; default: psnr ssim)",
    )
    add(
        "--results",
        type=Path,
        default=RESULTS,
        metavar="DIR",
        help=f"where everything goes (default: {RESULTS})",
    )
    add(
        "--limit",
        type=int,
        metavar="N",
        help="only the first N pictures of each set; tables say that they are partial (default: all)",
    )
    add(
        "--jobs",
        type=int,
        default=1,
        metavar="N",
        help="processes for each device, one thread each; with --cluster slurm, jobs (default: 1)",
    )
    add(
        "--cluster",
        default="",
        metavar="ADDRESS",
        help="let other machines work: tcp://HOST:PORT of a Dask scheduler, or slurm (docs/cluster.md)",
    )
    add(
        "--slurm",
        nargs="+",
        default=[],
        metavar="KEY=VALUE",
        help="options of sbatch for --cluster slurm, such as partition=gpu gpus_per_node=1 time=60",
    )
    add(
        "--shard",
        default="",
        metavar="I/N",
        help="only part I (from 0) of N; the same command without --shard then folds the parts together",
    )
    add(
        "--crop-multiple",
        type=int,
        metavar="N",
        help="crop HR to a multiple of N instead of the scale, as papers with mod-12 crops do",
    )
    add(
        "--device",
        nargs="+",
        default=["auto"],
        metavar="NAME",
        help="auto, cpu, cuda, mps, or several such as cuda:0 cuda:1: where networks run (default: auto)",
    )
    add(
        "--dtype",
        default="fp32",
        choices=["fp32", "bf16", "fp16"],
        help="what networks compute in; scores are only comparable in fp32 (default)",
    )
    add(
        "--self-ensemble",
        action="store_true",
        help="networks average over eight orientations, at 8 times the time",
    )
    add(
        "--profile",
        action="store_true",
        help="also measure parameters, MACs, FLOPs, latency and peak memory for a 1280x720 output",
    )
    _weights_argument(parser)
    _ratings_argument(parser)
    add("--no-plots", action="store_true", help="write tables only (`bench report` draws later)")
    add("--force", action="store_true", help="compute everything anew")


def _ratings_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ratings",
        type=Path,
        metavar="PATH",
        help="MOS as one more metric: the folder of a `mos analyse`, or a CSV of picture, method, mos",
    )


def _joined_lines(joined: "Joined") -> list[str]:
    lines = [f"mos: {joined.rows} rows from {joined.rated} rated versions"]
    if joined.unmatched:
        lines.append(f"note: not scored in this run, so not shown: {_some(joined.unmatched)}")
    return lines


def _weights_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--weights-dir",
        type=Path,
        metavar="DIR",
        help="folder of parameter files that metrics need (torch's cache is searched, too)",
    )


def _run(args: argparse.Namespace) -> int:
    import bench
    from bench.reports.write import markdown_of, unwritten_tables, write_report
    from bench.running.request import Summary
    from bench.running.slurm import options_of

    if args.crop_multiple not in (None, args.scale):
        _say(f"note: HR is cropped to multiples of {args.crop_multiple}: other pixels, other numbers")
    run = bench.run(
        datasets=args.datasets,
        models=args.models,
        outputs=args.outputs,
        pattern=args.pattern,
        scale=args.scale,
        lr=args.lr,
        lr_only=args.lr_only,
        protocols=args.protocols,
        metrics=args.metrics,
        results=args.results,
        jobs=args.jobs,
        cluster=args.cluster,
        slurm=options_of(args.slurm),
        shard=args.shard,
        crop_multiple=args.crop_multiple,
        limit=args.limit,
        device=args.device,
        dtype=args.dtype,
        self_ensemble=args.self_ensemble,
        weights_dir=args.weights_dir,
        profile=args.profile,
        force=args.force,
        ratings=args.ratings,
    )
    summary = run.summary or Summary()
    if args.shard:
        _say(f"part {args.shard} is in {run.results.folder}: run without --shard to fold the parts together")
    elif summary.computed or summary.reused:
        if (
            summary.computed
            or summary.profiled
            or summary.joined
            or summary.folded
            or unwritten_tables(run.results)
        ):
            write_report(run.results, plots=not args.no_plots)
        print(markdown_of(run.results, scale=args.scale, lrs=(args.lr, "stored"), protocols=args.protocols))
    for line in _summary_lines(summary, args.results):
        _say(line)
    return 1 if summary.failures else 0


def _summary_lines(summary: "Summary", folder: Path) -> list[str]:
    replaced = (
        f", {summary.replaced} of them in place of rows that no longer held" if summary.replaced else ""
    )
    lines = [f"{summary.computed} scores computed{replaced}; {summary.reused} reused; all in {folder}"]
    if summary.folded:
        lines.append(f"{summary.folded} shards folded in")
    if summary.profiled:
        lines.append(f"{summary.profiled} models profiled: {folder / 'profile.csv'}")
    lines += [] if summary.joined is None else _joined_lines(summary.joined)
    lines += [f"passed over: {why}" for why in summary.passed_over]
    lines += [f"not available: {why}" for why in summary.unavailable.values()]
    for (metric, why), pictures in summary.not_applicable.items():
        lines.append(f"n/a: {metric} of {len(pictures)} pictures ({_some(pictures)}): {why}")
    for (name, why), pictures in summary.dropped.items():
        lines.append(f"dropped: {name}, scores of {len(pictures)} pictures ({_some(pictures)}): {why}")
    return [*lines, *(f"failed: {failure}" for failure in summary.failures)]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _score_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("sr", type=Path, metavar="SR", help="an upscaled picture, or a folder of them")
    add(
        "hr",
        nargs="?",
        type=Path,
        metavar="HR",
        help="the original, or a folder with files of the same names; none: metrics that need none",
    )
    add("--scale", type=int, default=4, help="upscaling factor, for the border that is cropped (default: 4)")
    add("--protocol", default="matlab", metavar="NAME", help="how they are compared (default: matlab)")
    add("--metrics", nargs="+", default=["psnr", "ssim"], metavar="NAME", help="default: psnr ssim")
    _weights_argument(parser)


def _score(args: argparse.Namespace) -> int:
    import bench
    from bench.listing import score_lines
    from bench.running.pair import pairs_of

    pairs, alone = pairs_of(args.sr, args.hr)
    how = {"scale": args.scale, "protocol": args.protocol, "weights_dir": args.weights_dir}
    scores = {name: bench.score(sr, hr, metrics=args.metrics, **how) for name, sr, hr in pairs}
    print("\n".join(score_lines(scores, args.metrics)))
    for path in alone:
        _say(f"note: {path} has no partner of its name")
    return 0


def _clean_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("results", type=Path, metavar="DIR", help="the folder of a `bench run`")
    parser.add_argument("--drop", action="store_true", help="delete what is listed, and rebuild the tables")


def _clean(args: argparse.Namespace) -> int:
    from bench.running.clean import clean

    found = clean(args.results, drop=args.drop)
    for line in found.lines():
        print(f"dropped: {line}" if args.drop else line)
    if not found:
        _say("nothing: every row, picture and model belongs here")
    elif not args.drop:
        _say(f"`bench clean {args.results} --drop` deletes them")
    else:
        from bench.analysis.results import read_results
        from bench.reports.write import write_report

        write_report(read_results(args.results))
    return 0


def _report_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "results", nargs="?", type=Path, default=RESULTS, metavar="DIR", help=f"default: {RESULTS}"
    )
    _ratings_argument(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="write nothing; fail if a table is stale")
    what.add_argument(
        "--paper", action="store_true", help="set published numbers beside ours (srgan, realsr)"
    )


def _report(args: argparse.Namespace) -> int:
    from bench.analysis.results import read_results
    from bench.reports.ranking_table import ranking_markdown
    from bench.reports.write import markdown_of, paper_markdown, stale_tables, write_report

    if args.ratings is not None:
        from bench.running.ratings import add_ratings

        for line in _joined_lines(add_ratings(args.results, args.ratings)):
            _say(line)
    results = read_results(args.results)
    if args.check:
        stale = stale_tables(results)
        for path in stale:
            _say(f"stale: {path} (rebuild it with `bench report {args.results}`)")
        return 1 if stale else 0
    if args.paper:
        print(paper_markdown(results))
        return 0
    for path in write_report(results):
        _say(f"wrote {path}")
    print(markdown_of(results))
    print("\n".join(filter(None, map(ranking_markdown, results.boards))))
    return 0


def _compare_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("results", nargs="?", type=Path, default=RESULTS, metavar="DIR", help=f"default: {RESULTS}")
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
        _say(f"{len(others)} more under other protocols: in the files, or name --protocols")
    for line in missing(results, question):
        _say(f"note: {line}")
    _say(f"{len(files)} files in {folder}: {question.stem}.md, .tex, .csv, ...")
    return 0


def _grid_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("results", nargs="?", type=Path, default=RESULTS, metavar="DIR", help=f"default: {RESULTS}")
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
    add("--out", type=Path, metavar="FILE", help="default: DIR/grids/<set>_<picture>_x<scale>.png and .pdf")


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
        _say(f"wrote {path}")
    print(grid.note)
    return 0


def _fid_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("results", nargs="?", type=Path, default=RESULTS, metavar="DIR", help=f"default: {RESULTS}")
    add("--patch", type=int, default=128, metavar="N", help="side of a patch in pixels (default: 128)")
    add("--device", default="auto", help="auto, cpu, cuda (default: auto)")
    _weights_argument(parser)


def _fid(args: argparse.Namespace) -> int:
    from bench.perceptual.patch_fid import patch_fids
    from bench.reports.fid_table import fid_markdown, write_fids

    found = list(patch_fids(args.results, side=args.patch, weights_dir=args.weights_dir, device=args.device))
    print(fid_markdown(found))
    _say(f"wrote {write_fids(args.results, found)}")
    return 0


def _page_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("results", nargs="?", type=Path, default=RESULTS, metavar="DIR", help=f"default: {RESULTS}")
    add("--out", type=Path, metavar="FILE", help="the HTML file to write (default: DIR/index.html)")
    add("--serve", action="store_true", help="then serve DIR on 127.0.0.1 until Ctrl-C")
    add(
        "--port",
        type=int,
        default=8000,
        metavar="N",
        help="port of --serve, 0 for any free one (default: 8000)",
    )


def _page(args: argparse.Namespace) -> int:
    from bench.analysis.results import read_results
    from bench.page.build import write_page
    from bench.page.serve import serve

    page = write_page(read_results(args.results), args.out)
    _say(f"wrote {page}")
    if args.serve:
        serve(args.results, page, args.port, _say)
    return 0


def _publish_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("results", nargs="+", type=Path, metavar="DIR", help="folders of `bench run`, one or many")
    add("--out", type=Path, required=True, metavar="FOLDER", help="where the site goes")
    add("--pictures", action="store_true", help="with the pictures; most sets may be linked, not shipped")
    add(
        "--hub-dataset",
        default="srmos/super-resolution",
        metavar="ID",
        help="the Hugging Face dataset that .eval_results name (default: srmos/super-resolution)",
    )


def _publish(args: argparse.Namespace) -> int:
    from bench.page.sharing.publish import publish

    names = publish(args.results, args.out, pictures=args.pictures, hub_dataset=args.hub_dataset)
    _say(f"wrote {args.out / 'index.html'} with {', '.join(names)}")
    return 0


def _pull_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("source", metavar="URL|FOLDER", help="what `bench publish` wrote")
    add("--results", type=Path, default=RESULTS, metavar="DIR", help=f"your run (default: {RESULTS})")
    add(
        "--as",
        dest="name",
        default="",
        metavar="NAME",
        help="what marks their rows (default: the run's name)",
    )


def _pull(args: argparse.Namespace) -> int:
    from bench.page.sharing.pull import pull

    for each in pull(args.source, args.results, name=args.name):
        unknown = f"; not known here and left there: {', '.join(each.unknown)}" if each.unknown else ""
        _say(f"{each.rows} rows of {each.name} in {args.results / 'theirs'}{unknown}")
    _say(f"`bench report {args.results}` shows them beside yours")
    return 0


def _datasets(_: argparse.Namespace) -> int:
    from bench.listing import dataset_lines

    print("\n".join(dataset_lines()))
    return 0


def _models(_: argparse.Namespace) -> int:
    from bench.listing import model_lines

    print("\n".join(model_lines()))
    return 0


def _metrics(args: argparse.Namespace) -> int:
    from bench.listing import metric_lines

    print("\n".join(metric_lines(args.weights_dir)))
    return 0


def _fetch_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="+", metavar="NAME", help="sets to download (`bench datasets`)")
    parser.add_argument("--scale", type=int, nargs="+", metavar="N", help="only these scales (default: all)")


def _fetch(args: argparse.Namespace) -> int:
    from bench.listing import fetch_named

    for name in args.names:
        _say(fetch_named(name, args.scale))
    return 0


def _no_arguments(_: argparse.ArgumentParser) -> None:
    pass


def _say(line: str) -> None:
    print(line, file=sys.stderr)


COMMANDS = [
    Command(
        "run", "score models on test pictures; write scores, pictures, tables and plots", _run_arguments, _run
    ),
    Command("score", "print the scores of two pictures, or of two folders", _score_arguments, _score),
    Command("report", "rebuild tables and plots from the scores of a run", _report_arguments, _report),
    Command(
        "compare",
        "test models against each other over pictures: is the difference real?",
        _compare_arguments,
        _compare,
    ),
    Command("grid", "show one picture's crop from every model side by side", _grid_arguments, _grid),
    Command("publish", "write runs as a static site for others", _publish_arguments, _publish),
    Command("pull", "put somebody's published rows beside yours", _pull_arguments, _pull),
    Command("fid", "patch FID of a run's pictures (needs srmos[fid])", _fid_arguments, _fid),
    Command("page", "write a run as one page: tables, pictures, a viewer", _page_arguments, _page),
    Command(
        "clean",
        "list rows, pictures and models of a run that no longer belong to it; --drop deletes them",
        _clean_arguments,
        _clean,
    ),
    Command(
        "datasets", "list the picture sets, their terms, and whether they are here", _no_arguments, _datasets
    ),
    Command("models", "list the models", _no_arguments, _models),
    Command(
        "metrics", "list the metrics and the protocols they are computed under", _weights_argument, _metrics
    ),
    Command("fetch", "download picture sets, verified", _fetch_arguments, _fetch),
]
