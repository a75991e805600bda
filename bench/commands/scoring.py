"""`bench score`: numbers of pictures, without a results folder."""

import argparse
from pathlib import Path

from bench.commands.arguments import add_weights, say
from sr_models.command import Command


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
    add_weights(parser)


def _score(args: argparse.Namespace) -> int:
    import bench
    from bench.commands.listing import score_lines
    from bench.running.pair import pairs_of

    pairs, alone = pairs_of(args.sr, args.hr)
    how = {"scale": args.scale, "protocol": args.protocol, "weights_dir": args.weights_dir}
    scores = {name: bench.score(sr, hr, metrics=args.metrics, **how) for name, sr, hr in pairs}
    print("\n".join(score_lines(scores, args.metrics)))
    for path in alone:
        say(f"note: {path} has no partner of its name")
    return 0


SCORE = Command("score", "print the scores of two pictures, or of two folders", _score_arguments, _score)
