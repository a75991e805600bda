"""`sr-models pack`, `train` and `study`: what the command line asks of the trainer."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sr_models.command import Command, refuse_impossible_numbers
from sr_models.data.errors import InputError

if TYPE_CHECKING:
    from sr_models.training.recipes import TrainConfig


TARGET_SHARE = 0.8
"""Default of `--target-share`."""


def _pack_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="folders of training pictures")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="the pack, such as train.pack"
    )
    parser.add_argument(
        "--min-side", type=int, default=96, metavar="PX", help="leave out smaller pictures (default: 96)"
    )
    parser.add_argument(
        "--copies",
        type=float,
        nargs="+",
        default=[],
        metavar="SCALE",
        help="also put every picture in at these scales below 1, such as 0.75 0.5",
    )
    parser.add_argument(
        "--held-out",
        type=Path,
        metavar="DIR",
        help="also write the middles of the held-out pictures there, to choose snapshots by with `bench run`",
    )
    parser.add_argument(
        "--unchecked",
        action="store_true",
        help="do not compare with Set5, Set14, BSD100; the pack, and every card made from it, will say so",
    )


def _pack(args: argparse.Namespace) -> int:
    from sr_models.training.near_duplicates import UNCHECKED, from_test_sets
    from sr_models.training.pack import write_pack
    from sr_models.training.validation import write_held_out

    benchmarks = UNCHECKED if args.unchecked else from_test_sets()
    pack = write_pack(args.folders, args.out, benchmarks, min_side=args.min_side, copies=args.copies)
    if args.held_out is not None:
        write_held_out(pack, 4, args.held_out)
    held_out = sum(p.held_out for p in pack.pictures)
    megapixels = sum(p.height * p.width for p in pack.pictures) / 1e6
    print(
        f"{args.out}: {len(pack.pictures)} pictures ({held_out} held out), {megapixels:.0f} megapixels, "
        f"checked against {', '.join(pack.checked_against) or 'nothing'}, digest {pack.digest()}"
    )
    return 0


def _teach_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("pack", type=Path, metavar="PACK", help="made by `sr-models pack`")
    add("teacher", metavar="NAME|FILE", help="shipped weights by name, or a weights file")
    add("--out", type=Path, required=True, metavar="FILE", help="for `sr-models train --targets`")
    add("--device", default="auto")
    add("--dtype", choices=("fp32", "bf16", "fp16"), default="fp32")
    add(
        "--orientations",
        type=int,
        choices=(1, 4, 8),
        default=8,
        help="of the picture, over which the teacher is averaged (default: 8)",
    )
    add("--jobs", type=int, default=1, metavar="N", help="pictures at a time (default: 1)")


def _teach(args: argparse.Namespace) -> int:
    from sr_models.data.fetch import sha256_of
    from sr_models.inference.torch_upscaler import Inference, with_inference
    from sr_models.inference.weights_file import open_weights
    from sr_models.shipped import weights_named
    from sr_models.training.pack import open_pack
    from sr_models.training.teach import Teaching, write_targets

    refuse_impossible_numbers(args)
    pack, path = open_pack(args.pack), weights_named(args.teacher)
    teacher = with_inference(open_weights(path), Inference(args.device, args.dtype))
    about = {"name": path.stem, "sha256": sha256_of(path), "dtype": args.dtype}
    targets = write_targets(pack, teacher, args.out, Teaching(args.orientations, args.jobs, about))
    print(f"{args.out}: {len(targets.pictures)} targets of {path.stem} for {args.pack}, {targets.digest()}")
    return 0


def _train_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("recipe", metavar="RECIPE", help="srcnn, srcnn-955, espcn, srresnet-mse, srgan-vgg22, ...")
    add("--data", type=Path, required=True, metavar="PACK", help="made by `sr-models pack`")
    add("--out", type=Path, required=True, metavar="DIR", help="checkpoints, weights, logs, samples")
    add("--schedule", choices=("paper", "fast", "gpu"), default="fast", help="default: fast")
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--steps", type=int, help="instead of the recipe's")
    budget.add_argument(
        "--minutes", type=float, help="instead of steps; the schedule is stretched to this wall-clock time"
    )
    add(
        "--resume", nargs="?", const="", metavar="FILE", help="go on from DIR/state.safetensors, or from FILE"
    )
    add(
        "--start",
        type=Path,
        metavar="WEIGHTS",
        help="begin from these weights, not the recipe's shipped ones",
    )
    add("--batch", type=int, help="instead of the recipe's")
    add("--crop", type=int, metavar="PX", help="HR crop side, instead of the recipe's")
    add("--lr", type=float, help="peak learning rate, instead of the recipe's")
    add("--recursions", type=int, metavar="N", help="DRCN's, instead of the recipe's 16")
    add("--optimiser", choices=("adam", "soap", "muon"), help="the generator's, instead of the recipe's")
    add(
        "--frozen-norm",
        action="store_true",
        help="batch norms keep the averages of the weights a run starts from",
    )
    add("--seed", type=int, default=0)
    add("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (default: auto)")
    add("--precision", choices=("auto", "fp32", "bf16"), default="auto")
    add(
        "--vgg", type=Path, metavar="PATH", help="feature network, instead of downloading torchvision's VGG19"
    )
    add("--feature-scale", type=float, help="factor on the features before they are compared")
    add(
        "--validate-every",
        type=int,
        metavar="N",
        help="steps, between which a kill loses all (default: 500; 5000 with --schedule gpu)",
    )
    add("--log-every", type=int, default=50, metavar="N", help="steps (default: 50)")
    add("--snapshots", action="store_true", help="keep the weights of every validation")
    add("--targets", type=Path, metavar="FILE", help="of a teacher, made by `sr-models teach`")
    add(
        "--target-share",
        type=float,
        metavar="W",
        help=f"weight of the targets in the loss; the original's is the rest (default: {TARGET_SHARE})",
    )
    add("--phase", type=float, metavar="W", help="weight of the loss against a pattern of the scale's period")
    add("--ldl", type=float, metavar="W", help="weight of LDL's loss against artefacts (try 1; default: off)")
    add("--no-graph", action="store_true", help="on CUDA: launch kernels one by one")


def _train(args: argparse.Namespace) -> int:
    import logging

    from sr_models.training.pack import open_pack
    from sr_models.training.recipes import recipe
    from sr_models.training.state import saved_length
    from sr_models.training.train import STATE, TrainOptions, train

    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    config = _with_arguments(recipe(args.recipe, args.schedule), args)
    resume = None if args.resume is None else Path(args.resume or args.out / STATE)
    if resume is not None and not (args.steps or args.minutes):
        config = saved_length(config, resume)
    options = TrainOptions(
        device=args.device,
        precision=args.precision,
        resume=resume,
        start=args.start,
        targets=args.targets,
        vgg=args.vgg,
        feature_scale=args.feature_scale,
        log_every=args.log_every,
        validate_every=args.validate_every or (5000 if args.schedule == "gpu" else 500),
        snapshots=args.snapshots,
        graph=not args.no_graph,
    )
    print(train(config, open_pack(args.data), args.out, options))
    return 0


def _with_arguments(config: "TrainConfig", args: argparse.Namespace) -> "TrainConfig":
    refuse_impossible_numbers(args)
    if args.lr:
        config = replace(config, lr=replace(config.lr, peak=args.lr))
    if args.optimiser:
        config = replace(config, optimiser=args.optimiser)
    if args.frozen_norm:
        config = replace(config, frozen_norm=True)
    if args.phase is not None:
        config = replace(config, phase=args.phase)
    if args.ldl is not None:
        config = replace(config, artefacts=args.ldl)
    if args.targets is not None or args.target_share is not None:
        config = replace(config, target_share=args.target_share or TARGET_SHARE)
    if args.recursions:
        config = _with_recursions(config, args.recursions)
    return replace(
        config,
        steps=args.steps or config.steps,
        minutes=args.minutes,
        batch=args.batch or config.batch,
        crop_px=args.crop or config.crop_px,
        seed=args.seed,
    )


def _with_recursions(config: "TrainConfig", recursions: int) -> "TrainConfig":
    from sr_models.networks.drcn import DrcnConfig

    if not isinstance(config.network, DrcnConfig):
        raise InputError(f"--recursions is for drcn and drcn-lite, not for {config.name}")
    return replace(config, network=replace(config.network, recursions=recursions))


def _study_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "kind",
        choices=("depth", "evolution"),
        help="PSNR and time against blocks; one picture through training",
    )
    add("--data", type=Path, required=True, metavar="PACK")
    add("--out", type=Path, required=True, metavar="DIR")
    add("--steps", type=int, help="of each training (default: depth 1000, evolution 2000)")
    add("--blocks", type=int, nargs="+", default=[1, 2, 4, 8], metavar="B", help="depths (default: 1 2 4 8)")
    add("--width", type=int, default=64, help="channels (default: 64)")
    add("--moments", type=int, default=8, help="evolution: pictures to show (default: 8)")
    add("--device", default="auto")


def _study(args: argparse.Namespace) -> int:
    from sr_models.training.depth_study import study_depth, study_evolution
    from sr_models.training.pack import open_pack

    refuse_impossible_numbers(args)
    pack = open_pack(args.data)
    if args.kind == "depth":
        out = study_depth(
            pack, args.out, blocks=args.blocks, width=args.width, steps=args.steps or 1000, device=args.device
        )
    else:
        steps = args.steps or 2000
        out = study_evolution(
            pack, args.out, moments=args.moments, width=args.width, steps=steps, device=args.device
        )
    print(out)
    return 0


PACK = Command("pack", "Put folders of pictures into one file to train from.", _pack_arguments, _pack)
TRAIN = Command("train", "Train a recipe.", _train_arguments, _train)
TEACH = Command(
    "teach", "Write what a model makes of every picture of a pack, to train on.", _teach_arguments, _teach
)
STUDY = Command(
    "study", "Draw the paper's supplementary figures from trainings of our own.", _study_arguments, _study
)
