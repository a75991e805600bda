"""Names of models and datasets, as they appear in tables and folders."""

from sr_models.data.errors import InputError


def check_name(name: str) -> None:
    """Raise InputError unless name is letters, digits, '.', '_', '-', '+' and does not begin with a dot."""
    if not name or name[0] == "." or any(not (c.isascii() and c.isalnum()) and c not in "._-+" for c in name):
        raise InputError(f"expected a name of letters, digits, '.', '_', '-' and '+', got {name!r}")
