"""Datapipes: datasets that are built from one another, `source.shuffle().map(f).batch(4)`.

Here are the two base classes and the registry of their functional names; the pipes themselves are in
iterating.py, files.py and mapping.py, what loaders do to a whole chain in chain.py. An iterable pipe has one
valid iterator at a time, since pipes keep buffers: starting another one resets the pipe and ends the first.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from ..dataset import Dataset, IterableDataset

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class DataChunk(list[T]):
    """A batch as datapipes make it: a list that knows its items."""

    def __init__(self, items: Iterable[T]) -> None:
        super().__init__(items)
        self.items = list(self)

    def as_str(self, indent: str = "") -> str:
        """The items as text."""
        return f"{indent}[{', '.join(map(str, self))}]"

    def raw_iterator(self) -> Iterator[T]:
        """The items, in order."""
        yield from self.items


class _Functional:
    """What both kinds of pipe share: methods by registered name, and short names."""

    functions: dict[str, Callable]

    def __getattr__(self, name: str) -> Any:
        kind = type(self).functions.get(name)
        if kind is None:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        return functools.partial(kind, self)

    @classmethod
    def register_function(cls, function_name: str, function: Callable) -> None:
        """Make `pipe.function_name(...)` call `function(pipe, ...)`."""
        cls.functions[function_name] = function

    @classmethod
    def register_datapipe_as_function(
        cls, function_name: str, cls_to_register: type, enable_df_api_tracing: bool = False
    ) -> None:
        """Make `pipe.function_name(...)` build `cls_to_register(pipe, ...)`; a name can be taken once."""
        if function_name in cls.functions:
            raise Exception(
                f"Unable to add DataPipe function name {function_name} as it is already taken "
                f"by {cls.functions[function_name]}"
            )
        cls.functions[function_name] = cls_to_register

    def __repr__(self) -> str:
        return type(self).__qualname__

    def __dir__(self):
        return [*super().__dir__(), *self.functions]


class IterDataPipe(_Functional, IterableDataset[T_co]):
    """An iterable dataset built from others: subclasses define `__iter__`, and `reset` if they keep a state.

    Source: torch.utils.data.IterDataPipe.
    Example:
        >>> from rushlight.utils.data.datapipes.iter import IterableWrapper
        >>> list(IterableWrapper(range(5)).map(lambda x: x * x).batch(2))
        [[0, 1], [4, 9], [16]]
    """

    functions: dict[str, Callable] = {}
    _valid_iterator_id: int | None = None

    def __init_subclass__(cls, **kwargs) -> None:
        super().__init_subclass__(**kwargs)
        if "__iter__" in vars(cls):
            cls.__iter__ = _with_reset(vars(cls)["__iter__"])  # type: ignore[method-assign]

    def __iter__(self) -> Iterator[T_co]:
        return self

    def reset(self) -> None:
        """Forget the state of the last pass; called when a pass begins."""

    def _begin(self) -> int:
        number = 0 if self._valid_iterator_id is None else self._valid_iterator_id + 1
        self._valid_iterator_id = number
        self.reset()
        return number

    def _check_valid(self, number: int) -> None:
        if self._valid_iterator_id != number:
            raise RuntimeError(
                "This iterator has been invalidated because another iterator has been created from the "
                f"same IterDataPipe: {self!r}. An IterDataPipe has one iterator at a time."
            )


def _with_reset(iterate: Callable) -> Callable:
    """`iterate`, beginning with the pipe's reset and ending when a newer pass has begun.

    A generator function begins with its first item, like any generator; another `__iter__` at once.
    """
    if inspect.isgeneratorfunction(iterate):

        @functools.wraps(iterate)
        def begin(self):
            number = self._begin()
            for item in iterate(self):
                yield item
                self._check_valid(number)

    else:

        @functools.wraps(iterate)
        def begin(self):
            return _checked(self, self._begin(), iterate(self))

    return begin


def _checked(pipe: IterDataPipe, number: int, iterator: Iterator) -> Iterator:
    while True:
        pipe._check_valid(number)
        try:
            item = next(iterator)
        except StopIteration:
            return
        yield item


class DFIterDataPipe(IterDataPipe):
    """The marker class of pipes over data frames."""

    def _is_dfpipe(self) -> bool:
        return True


class MapDataPipe(_Functional, Dataset[T_co]):
    """A map-style dataset built from others: subclasses define `__getitem__` and `__len__`.

    Source: torch.utils.data.MapDataPipe.
    Example:
        >>> from rushlight.utils.data.datapipes.map import SequenceWrapper
        >>> SequenceWrapper("abc").map(str.upper)[1]
        'B'
    """

    functions: dict[str, Callable] = {}


class functional_datapipe:
    """Class decorator: `pipe.name(...)` builds the decorated pipe on top of `pipe`.

    Raises:
        TypeError: the class is no datapipe.
    Source: torch.utils.data.functional_datapipe.
    """

    def __init__(self, name: str, enable_df_api_tracing: bool = False) -> None:
        self.name = name
        self.enable_df_api_tracing = enable_df_api_tracing

    def __call__(self, cls: type) -> type:
        for base in (IterDataPipe, MapDataPipe):
            if issubclass(cls, base):
                base.register_datapipe_as_function(self.name, cls)
                return cls
        raise TypeError(f"`functional_datapipe` can only decorate datapipes, got {cls.__name__}")


def length_of(pipe, source) -> int:
    """`len(source)`; TypeError naming `pipe` when there is none."""
    if hasattr(source, "__len__"):
        return len(source)
    raise TypeError(f"{type(pipe).__name__} instance doesn't have valid length: its source has none")
