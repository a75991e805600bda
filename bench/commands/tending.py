"""`bench report` and `bench clean`: the tables of a run, and what no longer belongs to it."""

import argparse
from pathlib import Path

from bench.commands.arguments import add_ratings, add_results, joined_lines, say
from sr_models.command import Command


def _report_arguments(parser: argparse.ArgumentParser) -> None:
    add_results(parser)
    add_ratings(parser)
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

        for line in joined_lines(add_ratings(args.results, args.ratings)):
            say(line)
    results = read_results(args.results)
    if args.check:
        stale = stale_tables(results)
        for path in stale:
            say(f"stale: {path} (rebuild it with `bench report {args.results}`)")
        return 1 if stale else 0
    if args.paper:
        print(paper_markdown(results))
        return 0
    for path in write_report(results):
        say(f"wrote {path}")
    print(markdown_of(results))
    print("\n".join(filter(None, map(ranking_markdown, results.boards))))
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
        say("nothing: every row, picture and model belongs here")
    elif not args.drop:
        say(f"`bench clean {args.results} --drop` deletes them")
    else:
        from bench.analysis.results import read_results
        from bench.reports.write import write_report

        write_report(read_results(args.results))
    return 0


REPORT = Command("report", "rebuild tables and plots from the scores of a run", _report_arguments, _report)
CLEAN = Command(
    "clean",
    "list rows, pictures and models of a run that no longer belong to it; --drop deletes them",
    _clean_arguments,
    _clean,
)
