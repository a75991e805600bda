"""`sr-models`: networks, training and weights from the command line."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from sr_models.command import Command, refuse_impossible_numbers, run_command
from sr_models.data.errors import InputError
from sr_models.training.commands import PACK, STUDY, TEACH, TRAIN


def main(argv: Sequence[str] | None = None) -> int:
    """Run `sr-models` and return its exit code."""
    return run_command(
        "sr-models", "Networks: list, pack, teach, train, inspect, export, study, upscale.", COMMANDS, argv
    )


def _list_arguments(_parser: argparse.ArgumentParser) -> None:
    pass


def _list(_args: argparse.Namespace) -> int:
    from sr_models.models import MODELS

    for model in MODELS:
        print(f"{model.name:16} {'slow: only when named' if model.slow else ''}".rstrip())
    return 0


def _info_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="NAME|FILE", help="shipped weights by name, or a weights file")


def _info(args: argparse.Namespace) -> int:
    from sr_models.inference.card import card_markdown
    from sr_models.inference.weights_file import load_network
    from sr_models.shipped import weights_named

    network, card = load_network(weights_named(args.model))
    print(card_markdown(card, sum(p.numel() for p in network.parameters())), end="")
    return 0


def _export_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "models",
        nargs="+",
        metavar="NAME|FILE",
        help="shipped weights by name, or a weights file; several snapshots of one run are averaged",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help="*.onnx, or *.safetensors: fp16, card beside it",
    )
    parser.add_argument("--scores", type=Path, metavar="CSV", help="of `bench run`, for the card")
    parser.add_argument("--notes", metavar="TEXT", help="for the card")


def _export(args: argparse.Namespace) -> int:
    from sr_models.shipped import weights_named

    if args.out.suffix == ".safetensors":
        from sr_models.inference.ship import ship

        ship([weights_named(model) for model in args.models], args.out, scores=args.scores, notes=args.notes)
        print(f"{args.out} and {args.out.with_suffix('.md').name}: {args.out.stat().st_size / 1e6:.2f} MB")
        return 0
    from sr_models.inference.export import export_onnx

    if len(args.models) > 1:
        raise InputError(f"{args.out}: ONNX takes one model; average first, into a .safetensors file")
    levels = export_onnx(weights_named(args.models[0]), args.out)
    print(f"{args.out}: agrees with torch within {levels} grey level{'s' * (levels != 1)}")
    return 0


def _upscale_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("pictures", nargs="+", type=Path, metavar="FILE|DIR", help="PNG, JPEG, WebP, BMP; folders of them")
    add("--out", type=Path, required=True, metavar="DIR", help="folder for the results, same names")
    add(
        "--model",
        default="srresnet-mse",
        help="a name (`sr-models list`), a model file, or module:function (default: srresnet-mse)",
    )
    add("--scale", type=int, help="default: the model's own, or 4")
    add("--format", choices=("png", "jpeg", "webp"), help="default: as the input, PNG for BMP")
    add("--quality", type=int, default=95, metavar="1-100", help="of JPEG and WebP (default: 95)")
    add("--force", action="store_true", help="replace files that exist")
    add("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (default: auto)")
    add("--dtype", choices=("fp32", "bf16", "fp16"), default="fp32", help="default: fp32")
    add("--self-ensemble", action="store_true", help="mean over eight orientations: 8 times the time")
    add(
        "--memory-mb",
        type=int,
        default=2048,
        metavar="MB",
        help="larger pictures are computed in tiles (default: 2048)",
    )


def _upscale(args: argparse.Namespace) -> int:
    from sr_models.api import load
    from sr_models.inference.upscale_files import plan, upscale_files

    refuse_impossible_numbers(args)
    if args.quality > 100:
        raise InputError(f"--quality: expected 1 to 100, got {args.quality}")
    jobs = plan(args.pictures, args.out, file_format=args.format, force=args.force)
    model = load(
        args.model,
        scale=args.scale,
        device=args.device,
        dtype=args.dtype,
        self_ensemble=args.self_ensemble,
        memory_mb=args.memory_mb,
    )
    failures = upscale_files(jobs, model.upscaler, quality=args.quality)
    for failure in failures:
        print(f"sr-models upscale: {failure}", file=sys.stderr)
    if not failures:
        return 0
    return 1 if len(failures) < len(jobs) else 2


COMMANDS = [
    Command("list", "List the models that can be run by name.", _list_arguments, _list),
    PACK,
    TEACH,
    TRAIN,
    Command("info", "Print the card of a weights file.", _info_arguments, _info),
    Command(
        "export",
        "Write weights as ONNX, checked against torch, or as a file to ship.",
        _export_arguments,
        _export,
    ),
    STUDY,
    Command("upscale", "Upscale picture files.", _upscale_arguments, _upscale),
]
