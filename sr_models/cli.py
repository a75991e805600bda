"""`sr-models`: networks, training and weights from the command line."""

from collections.abc import Sequence

from sr_models.command import Command, run_command

COMMANDS: list[Command] = []


def main(argv: Sequence[str] | None = None) -> int:
    """Run `sr-models` and return its exit code."""
    return run_command("sr-models", "Networks: list, train, export.", COMMANDS, argv)
