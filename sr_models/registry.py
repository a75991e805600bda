"""Named, typed things that a decorator (or another package's entry point) adds."""

from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from sr_models.data.errors import UnknownNameError

T = TypeVar("T")


class Registry(Generic[T]):
    """A mapping from name to T that refuses duplicates and says what was near.

    `group` names the entry point group from which other packages add items: each entry point is
    loaded on the first lookup, and its import registers the item by the same decorator we use.
    """

    def __init__(self, kind: str, group: str) -> None:
        self._kind = kind
        self._group = group
        self._items: dict[str, T] = {}
        self._loaded = False

    def add(self, name: str, item: T) -> T:
        """Return item, now known as name; a name that is taken raises ValueError."""
        if name in self._items:
            raise ValueError(f"two {self._kind}s are called {name!r}: rename one")
        self._items[name] = item
        return item

    def __getitem__(self, name: str) -> T:
        self._load()
        if name not in self._items:
            raise UnknownNameError(self._kind, name, self._items)
        return self._items[name]

    def __contains__(self, name: str) -> bool:
        self._load()
        return name in self._items

    def __iter__(self) -> Iterator[T]:
        """Items in the order they were added: ours first, then other packages'."""
        self._load()
        return iter(list(self._items.values()))

    def names(self) -> list[str]:
        """Return every name, in the order they were added."""
        self._load()
        return list(self._items)

    def _load(self) -> None:
        if not self._loaded:
            self._loaded = True
            for point in entry_points(group=self._group):
                point.load()
