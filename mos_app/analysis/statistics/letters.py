"""Compact letters: methods that share a letter do not differ significantly."""

from collections.abc import Collection, Sequence
from string import ascii_lowercase


def compact_letters(items: Sequence[str], differing: Collection[tuple[str, str]]) -> dict[str, str]:
    """Return the letters of each item; `differing` holds the significant pairs, in either order.

    Insert and absorb (Piepho 2004, J. Comput. Graph. Stat. 13, 456): two items share a letter exactly if they
    do not differ. Letters run in the order of `items`; past z they double.
    """
    columns = [set(items)]
    for a, b in differing:
        for column in [c for c in columns if a in c and b in c]:
            columns.remove(column)
            columns += [column - {a}, column - {b}]
        columns = _absorb(columns)
    columns.sort(key=lambda column: [items.index(item) for item in sorted(column, key=items.index)])
    return {item: "".join(_letter(i) for i, c in enumerate(columns) if item in c) for item in items}


def _absorb(columns: list[set[str]]) -> list[set[str]]:
    """Drop each column that lies within another."""
    kept: list[set[str]] = []
    for column in sorted(columns, key=len, reverse=True):
        if not any(column <= other for other in kept):
            kept.append(column)
    return kept


def _letter(index: int) -> str:
    return ascii_lowercase[index % 26] * (index // 26 + 1)
