"""How every srmos command parses, runs and fails: a user's mistake is one line and exit code 2."""

import argparse
import gc
import math
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from sr_models.data.errors import InputError


@dataclass(frozen=True)
class Command:
    """One subcommand. `run` imports what it needs itself, so that `--help` stays instant."""

    name: str
    summary: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    """Returns the exit code."""


def run_command(prog: str, description: str, commands: Sequence[Command], argv: Sequence[str] | None) -> int:
    """Return the exit code of the subcommand that argv (default: sys.argv) names.

    0 done, 1 done in part (the run says what failed), 2 the user's mistake, 130 interrupted.
    """
    gc.set_threshold(50_000)  # looking for garbage among what imports make is a seventh of importing torch
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("--version", action="version", version=f"srmos {version('srmos')}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in commands:
        sub = subparsers.add_parser(command.name, help=command.summary, description=command.summary)
        command.add_arguments(sub)
        sub.set_defaults(command=command)
    args = parser.parse_args(argv)
    try:
        return args.command.run(args)  # type: ignore[no-any-return]
    except InputError as error:
        return _fail(f"{prog} {args.command.name}: {error}", 2)
    except KeyboardInterrupt:
        return _fail(f"{prog} {args.command.name}: interrupted", 130)
    except BrokenPipeError:  # the reader of our output (head, less) has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # a folder that may not be written, a disk that is full
        if error.strerror is None:
            raise
        what = ": ".join(str(part) for part in (error.filename, error.strerror) if part)
        return _fail(f"{prog} {args.command.name}: {what}", 2)


def _fail(line: str, code: int) -> int:
    print(line, file=sys.stderr)  # noqa: T201
    return code


def refuse_impossible_numbers(args: argparse.Namespace) -> None:
    """Raise InputError for a number that is not positive and finite; a seed may be 0."""
    for name, value in vars(args).items():
        number = isinstance(value, int | float) and not isinstance(value, bool) and name != "seed"
        if number and not (value > 0 and math.isfinite(value)):
            raise InputError(f"--{name.replace('_', '-')}: expected a positive number, got {value}")
        if name == "seed" and value < 0:
            raise InputError(f"--seed: expected 0 or more, got {value}")
