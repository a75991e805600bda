"""`mos`: rating studies from the command line."""

from collections.abc import Sequence

from mos_app.commands import STUDY_COMMANDS
from mos_app.commands.analysing import ANALYSE_COMMANDS
from sr_models.command import Command, run_command

COMMANDS: list[Command] = [*STUDY_COMMANDS, *ANALYSE_COMMANDS]


def main(argv: Sequence[str] | None = None) -> int:
    """Run `mos` and return its exit code."""
    return run_command("mos", "Rating studies: set up, serve, analyse.", COMMANDS, argv)
