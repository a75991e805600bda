"""`bench page`, `publish` and `pull`: a run for others, and theirs beside it."""

import argparse
from pathlib import Path

from bench.commands.arguments import RESULTS, add_results, say
from sr_models.command import Command


def _page_arguments(parser: argparse.ArgumentParser) -> None:
    add_results(parser)
    add = parser.add_argument
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
    say(f"wrote {page}")
    if args.serve:
        serve(args.results, page, args.port, say)
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
    say(f"wrote {args.out / 'index.html'} with {', '.join(names)}")
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
        say(f"{each.rows} rows of {each.name} in {args.results / 'theirs'}{unknown}")
    say(f"`bench report {args.results}` shows them beside yours")
    return 0


PAGE = Command("page", "write a run as one page: tables, pictures, a viewer", _page_arguments, _page)
PUBLISH = Command("publish", "write runs as a static site for others", _publish_arguments, _publish)
PULL = Command("pull", "put somebody's published rows beside yours", _pull_arguments, _pull)
