"""`bench run`: score models on test pictures."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from bench.commands.arguments import RESULTS, add_ratings, add_weights, counted, joined_lines, say, some
from sr_models.command import Command

if TYPE_CHECKING:
    from bench.running.request import Summary

_MOST_FAILURES = 20  # lines of a run whose every picture fails


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
        "--round-16-bit",
        action="store_true",
        help="read 16-bit PNG files by rounding to 8 bits, in rows of their own (default: refuse them)",
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
    add_weights(parser)
    add_ratings(parser)
    add("--no-plots", action="store_true", help="write tables only (`bench report` draws later)")
    add("--force", action="store_true", help="compute everything anew")


def _run(args: argparse.Namespace) -> int:
    import bench
    from bench.reports.write import markdown_of, unwritten_tables, write_report
    from bench.running.request import Summary
    from bench.running.slurm import options_of

    if args.crop_multiple not in (None, args.scale):
        say(f"note: HR is cropped to multiples of {args.crop_multiple}: other pixels, other numbers")
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
        round_16_bit=args.round_16_bit,
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
        say(f"part {args.shard} is in {run.results.folder}: run without --shard to fold the parts together")
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
    for line in _summary_lines(summary, run.folder):
        say(line)
    return 1 if summary.failures else 0


def _summary_lines(summary: "Summary", folder: Path) -> list[str]:
    replaced = (
        f", {summary.replaced} of them in place of rows that no longer held" if summary.replaced else ""
    )
    lines = [f"{summary.computed} scores computed{replaced}; {summary.reused} reused; all in {folder}"]
    if summary.folded:
        lines.append(f"{counted(summary.folded, 'shard')} folded in")
    if summary.profiled:
        lines.append(f"{counted(summary.profiled, 'model')} profiled: {folder / 'profile.csv'}")
    lines += [] if summary.joined is None else joined_lines(summary.joined)
    lines += [f"passed over: {why}" for why in summary.passed_over]
    lines += [f"not available: {why}" for why in summary.unavailable.values()]
    for (metric, why), pictures in summary.not_applicable.items():
        lines.append(f"n/a: {metric} of {counted(len(pictures), 'picture')} ({some(pictures)}): {why}")
    for (name, why), pictures in summary.dropped.items():
        lines.append(
            f"dropped: {name}, scores of {counted(len(pictures), 'picture')} ({some(pictures)}): {why}"
        )
    lines += [f"failed: {failure}" for failure in summary.failures[:_MOST_FAILURES]]
    more = len(summary.failures) - _MOST_FAILURES
    return [*lines, f"failed: {more} more: all are in {folder / 'run.json'}"] if more > 0 else lines


RUN = Command(
    "run", "score models on test pictures; write scores, pictures, tables and plots", _run_arguments, _run
)
