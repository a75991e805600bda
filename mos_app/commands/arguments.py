"""Arguments that all study commands share."""

import argparse
from pathlib import Path

LONGEST_DAYS = 3650


def add_study(parser: argparse.ArgumentParser) -> None:
    """Add the study's folder and its database."""
    parser.add_argument("study", metavar="STUDY", type=Path, help="the study's folder")
    parser.add_argument(
        "--database", metavar="URL", help="PostgreSQL instead of SQLite: postgresql://USER:PASSWORD@HOST/NAME"
    )
