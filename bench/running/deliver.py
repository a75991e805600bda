"""Units of work to an executor and their results back, whatever becomes of single workers."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Generic, TypeVar

from bench.running.parcel import Lacking, Parcel
from sr_models.data.errors import InputError

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class _Sent(Generic[T]):
    item: T
    is_alone: bool = False
    for_worker: str = ""
    """The worker that the item brings files to."""


class Delivery(Generic[T, R]):
    """One call of `results`: what waits, and what is under way.

    An item that was under way when a worker died is tried again, by itself, so that a second death has one
    cause; then it has failed. A worker that lacks files says so, and gets them with the next item: one such
    item a worker at a time, the others wait.
    """

    def __init__(
        self,
        executor: Callable[[bool], Executor],
        function: Callable[[T], R | Lacking],
        failed: Callable[[T, Exception], R],
        *,
        most: int | None,
    ) -> None:
        """executor(is_broken) returns who takes the next item. most: items under way at once; None: all."""
        self._executor, self._function, self._failed, self._most = executor, function, failed, most
        self._released: deque[_Sent[T]] = deque()
        self._alone: deque[_Sent[T]] = deque()
        self._held: dict[str, list[_Sent[T]]] = {}
        self._under_way: dict[Future[R | Lacking], _Sent[T]] = {}
        self._finished: SimpleQueue[Future[R | Lacking]] = SimpleQueue()

    def results(self, items: Iterable[T]) -> Iterator[R]:
        """Yield function(item) of each, in any order; raises InputError where the executor itself is gone.

        An item is taken from `items` when it is sent, so that no more of them are held than are under way.
        """
        fresh = iter(items)
        try:
            while self._send_some(fresh):
                future = self._finished.get()
                yield from self._settled(future, self._under_way.pop(future))
        finally:
            for future in self._under_way:
                future.cancel()

    def _send_some(self, fresh: Iterator[T]) -> bool:
        """Send what may be sent; return whether anything is under way."""
        while not self._alone and not self._is_full():
            if self._released:
                self._send(self._released.popleft())
            elif (item := next(fresh, None)) is not None:
                self._send(_Sent(item))
            else:
                break
        if self._alone and not self._under_way:
            self._send(self._alone.popleft())
        return bool(self._under_way)

    def _is_full(self) -> bool:
        is_trying = any(sent.is_alone for sent in self._under_way.values())
        return is_trying or (self._most is not None and len(self._under_way) >= self._most)

    def _send(self, sent: _Sent[T]) -> None:
        try:
            future = self._submitted(sent.item)
        except InputError:
            raise
        except Exception as error:
            raise InputError(
                f"the workers take no more work ({type(error).__name__}: {error}): "
                "what is done is kept; run again"
            ) from error
        self._under_way[future] = sent
        future.add_done_callback(self._finished.put)

    def _submitted(self, item: T) -> "Future[R | Lacking]":
        try:
            return self._executor(False).submit(self._function, item)
        except BrokenExecutor:
            return self._executor(True).submit(self._function, item)

    def _settled(self, future: "Future[R | Lacking]", sent: _Sent[T]) -> Iterator[R]:
        try:
            result = future.result()
        except InputError:  # the user's mistake, wherever it was found
            raise
        except CancelledError:
            raise InputError("the workers are gone: what is done is kept; run again") from None
        except Exception as error:  # noqa: BLE001 (each executor has its own for a worker that died)
            self._let_go(sent.for_worker)
            if sent.is_alone:
                yield self._failed(sent.item, _death(error))
            else:
                self._alone.append(_Sent(sent.item, is_alone=True))
            return
        if isinstance(result, Lacking):
            self._bring(result, sent)
        else:
            self._let_go(sent.for_worker)
            yield result

    def _bring(self, lacking: Lacking, sent: _Sent[T]) -> None:
        self._let_go(sent.for_worker)
        if lacking.worker in self._held:
            self._held[lacking.worker].append(_Sent(sent.item, sent.is_alone))
            return
        if not isinstance(sent.item, Parcel):
            raise TypeError(f"expected a parcel, got {type(sent.item).__name__}")
        self._held[lacking.worker] = []
        item = sent.item.with_contents(lacking.wanted)
        self._send(_Sent(item, sent.is_alone, lacking.worker))  # type: ignore[arg-type]

    def _let_go(self, worker: str) -> None:
        """The item that brought a worker its files has come back: what waited for it may go."""
        if worker:
            self._released.extend(self._held.pop(worker, ()))


def _death(error: Exception) -> InputError:
    text = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    return InputError(f"its worker died twice, perhaps for want of memory ({text})")
