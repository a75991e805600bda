"""`bench datasets`, `models`, `metrics` and `fetch`: what there is, and getting it."""

import argparse

from bench.commands.arguments import add_weights, say
from sr_models.command import Command


def _no_arguments(_: argparse.ArgumentParser) -> None:
    pass


def _datasets(_: argparse.Namespace) -> int:
    from bench.commands.listing import dataset_lines

    print("\n".join(dataset_lines()))
    return 0


def _models(_: argparse.Namespace) -> int:
    from bench.commands.listing import model_lines

    print("\n".join(model_lines()))
    return 0


def _metrics(args: argparse.Namespace) -> int:
    from bench.commands.listing import metric_lines

    print("\n".join(metric_lines(args.weights_dir)))
    return 0


def _fetch_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="+", metavar="NAME", help="sets to download (`bench datasets`)")
    parser.add_argument("--scale", type=int, nargs="+", metavar="N", help="only these scales (default: all)")


def _fetch(args: argparse.Namespace) -> int:
    from bench.commands.listing import fetch_named

    for name in args.names:
        say(fetch_named(name, args.scale))
    return 0


DATASETS = Command(
    "datasets", "list the picture sets, their terms, and whether they are here", _no_arguments, _datasets
)
MODELS = Command("models", "list the models", _no_arguments, _models)
METRICS = Command(
    "metrics", "list the metrics and the protocols they are computed under", add_weights, _metrics
)
FETCH = Command("fetch", "download picture sets, verified", _fetch_arguments, _fetch)
