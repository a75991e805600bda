"""Named, typed things that a decorator (or another package's entry point) adds."""

import importlib
import pkgutil
from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from sr_models.data.errors import UnknownNameError

T = TypeVar("T")


class Registry(Generic[T]):
    """A mapping from name to T that refuses duplicates and says what was near.

    The first lookup imports every module of `package`, then what other packages offer under the entry point
    group; each registers its items by decorator. An error in one of them raises at that lookup and at every
    later one: a registry is complete or unusable, never silently short of something.
    """

    def __init__(self, kind: str, *, package: str, group: str) -> None:
        self._kind = kind
        self._package = package
        self._group = group
        self._items: dict[str, T] = {}
        self._loaded = False
        self._failure: Exception | None = None

    def add(self, name: str, item: T) -> None:
        """Make item known as name; a name that is taken raises ValueError."""
        if name in self._items:
            raise ValueError(f"two {self._kind}s are called {name!r}: rename one")
        self._items[name] = item

    def __getitem__(self, name: str) -> T:
        self._load()
        if name not in self._items:
            raise UnknownNameError(self._kind, name, self._items)
        return self._items[name]

    def __contains__(self, name: str) -> bool:
        self._load()
        return name in self._items

    def __iter__(self) -> Iterator[T]:
        self._load()
        return iter(list(self._items.values()))

    def names(self) -> list[str]:
        """Return every name, in the order they were added."""
        self._load()
        return list(self._items)

    def _load(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._loaded:
            return
        self._loaded = True  # now: what is imported may look things up itself
        try:
            self._import_all()
        except Exception as error:
            self._failure = error
            raise
        except BaseException:  # interrupted: the next lookup goes on
            self._loaded = False
            raise

    def _import_all(self) -> None:
        package = importlib.import_module(self._package)
        for module in pkgutil.iter_modules(package.__path__, f"{self._package}."):
            importlib.import_module(module.name)
        for point in entry_points(group=self._group):
            try:
                point.load()
            except Exception as error:
                error.add_note(f"in entry point '{point.name} = {point.value}' of group {self._group}")
                raise
