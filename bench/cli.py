"""`bench`: scores from the command line."""

from collections.abc import Sequence

from bench.commands import COMMANDS
from sr_models.command import run_command


def main(argv: Sequence[str] | None = None) -> int:
    """Run `bench` and return its exit code."""
    return run_command(
        "bench", "Super-resolution scores that can be compared, digit by digit.", COMMANDS, argv
    )
