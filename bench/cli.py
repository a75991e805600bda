"""`bench`: scores from the command line."""

from collections.abc import Sequence

from sr_models.command import Command, run_command

COMMANDS: list[Command] = []


def main(argv: Sequence[str] | None = None) -> int:
    """Run `bench` and return its exit code."""
    return run_command("bench", "Super-resolution scores that can be compared.", COMMANDS, argv)
