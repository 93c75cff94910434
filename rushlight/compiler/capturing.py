"""Watching one call, and making a `Replay` of what it did.

`Attempt` runs the function once, as it would have run, with a recording around it (recording.py), and compares the world
before and after. settling.py then finds where every input of the recorded graph came from and where every result goes.
What cannot be settled is refused with a reason, or tried again at the next call when that may go better: the first call
only shows which code runs.
"""

from __future__ import annotations

import gc
import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FunctionType, MethodType
from typing import Any

from .. import settings
from ..autograd.entry import AccumulateGrad
from ..autograd.record import edge_of
from ..devices import CPU
from ..executors import queue
from ..executors.observing import witnesses
from ..graph.node import CONSTANT, Node, of_array
from ..memory import Storage
from ..random.drawing import Draw
from ..random.generator import stream_of
from ..shapes import contiguous_strides
from ..tensor import Tensor, View, layout_of, write
from .arguments import Given, GivenBack, Unsupported
from .backward import Gate
from .outcomes import Again, Before, Refused
from .reach import Reach
from .recording import Recording
from .replay import Replay, value_of
from .running import USER, kind_of
from .settling import ProgramFailed, Settling


class Attempt:
    """One watched call of `function`.

    `codes`: code known to run, by identity, with its globals; what else runs is added. After `call()`, `outcome` is a
    Replay, a Refused, or None when it is worth trying again.
    """

    def __init__(
        self,
        function: Callable,
        given: Given,
        codes: dict[int, tuple[CodeType, dict[str, Any]]],
        strict: bool,
    ) -> None:
        self.function, self.given, self.codes = function, given, codes
        self.recording = Recording(strict)
        self.outcome: Replay | Refused | None = None

    def call(self, args: tuple, kwargs: dict[str, Any]) -> Any:
        """The function's result; its errors are its own."""
        queue.realize()
        for witness in witnesses:
            importlib.import_module(witness)
        reach = self.reach = self._reach()
        if reach.refused is not None:
            self.outcome = Refused(reach.refused)
            return self.function(*args, **kwargs)
        self._look_before()
        recording = self.recording
        recording.cover(self.storages_before.values())
        try:
            self._enter()
        except Refused as refused:
            recording.uncover()
            self.outcome = refused
            return self.function(*args, **kwargs)
        try:
            try:
                with recording, self._gates():
                    result = self.function(*args, **kwargs)
            finally:
                self._leave_views()
            self._judge(args, kwargs, result)
        finally:
            recording.uncover()
            if recording.postponed:
                queue.realize()
        return result

    def _reach(self) -> Reach:
        """What the call can see. Before the first one, the code that will run is taken to be what code names."""
        self.known = dict(self.codes)
        if self.codes:
            reach = Reach(self.known)
            reach.walk(self.function, self.given.objects)
            return reach
        called: Any = self.function.__func__ if isinstance(self.function, MethodType) else self.function
        if isinstance(called, FunctionType):
            self._expect(called.__code__, called.__globals__)
        while True:
            reach = Reach(self.known)
            reach.walk(self.function, self.given.objects)
            if not reach.expected or reach.refused is not None:
                return reach
            for code, namespace in reach.expected.values():
                self._expect(code, namespace)

    def _expect(self, code: CodeType, namespace: dict[str, Any]) -> None:
        """Code will run, and so will the functions that it defines."""
        self.known[id(code)] = (code, namespace)
        for inner in code.co_consts:
            if isinstance(inner, CodeType):
                self._expect(inner, namespace)

    def _judge(self, args: tuple, kwargs: dict[str, Any], result: Any) -> None:
        try:
            self.outcome = self._judged(args, kwargs, result)
        except Again:
            pass
        except Refused as refused:
            self.outcome = refused
        except Unsupported as problem:
            self.outcome = Refused(str(problem))
        except ProgramFailed as failed:
            assert failed.__cause__ is not None
            raise failed.__cause__ from None
        except Exception as error:
            if settings.CHECK:
                raise
            # The call itself has done its work.
            self.outcome = Refused(f"the compiler fails with {type(error).__name__}: {error}")

    @contextmanager
    def _gates(self) -> Iterator[None]:
        """Tensors with a history have a gate before it, so that what is the call's own on the tape can be told."""
        self.gates: dict[int, Gate] = {}
        self.known_edges: dict[Any, Any] = {}  # the edges of tensors that were there, by key: whose they are
        for owner, tensor, *_ in self.before:
            edge = edge_of(tensor)
            if edge is not None:
                if type(edge) is not AccumulateGrad:
                    edge = self.gates[id(tensor)] = tensor._edge = Gate(tensor)
                self.known_edges[edge] = owner
        try:
            yield
        finally:
            for _, tensor, _, _, edge, _ in self.before:
                if tensor._edge is self.gates.get(id(tensor), edge):
                    tensor._edge = edge

    # ------------------------------------------------------------ before

    def _look_before(self) -> None:
        given, reach = self.given, self.reach
        self.before: list[Before] = []
        self.storages_before: dict[int, Storage] = {}
        known: set[int] = set()
        for owner, tensor in [*((t, t) for t in reach.tensors.values()), *enumerate(given.tensors)]:
            if id(tensor) in known:
                continue
            known.add(id(tensor))
            state = Before(owner, tensor, tensor._storage, tensor._view, tensor._edge, tensor._grad)
            self.before.append(state)
            self.storages_before[id(tensor._storage)] = tensor._storage
            if tensor._grad is not None:
                self.storages_before[id(tensor._grad._storage)] = tensor._grad._storage

    def _enter(self) -> None:
        """Give every value that the call may read a node of its own, and note whose it is."""
        self.origin: dict[Node, tuple[str, Any]] = {}
        self.storage_owners: dict[int, tuple[str, Any]] = {}
        self.steads: list[tuple[Tensor, Storage, View, Storage]] = []
        self.further: dict[int, View | None] = {}  # by identity: a view of such an argument, as seen from it
        done: set[int] = set()
        for owner, tensor, storage, view, _, grad in self.before:
            argument = type(owner) is int
            self._enter_storage(storage, ("base" if argument and view is not None else "whole", owner), done)
            if grad is not None:
                self._enter_storage(grad._storage, ("grad", owner), done)
            if view is not None:
                view.version = -1  # what it remembers may be a node that others hold too
                if argument:
                    self._enter_view(owner, tensor, view)

    def _enter_view(self, owner: int, tensor: Tensor, view: View) -> None:
        """The value of an argument that is a view is an input, wherever in its memory it lies.

        One whose elements stand in order, and whose memory nobody else sees, becomes, until the call is over, a tensor
        on memory of its own.
        """
        storage = tensor._storage
        node = of_array(value_of(tensor), view.dtype)
        self.origin[node] = ("seen", owner)
        shared = [
            b
            for b in self.before
            if b.storage is storage or b.grad is not None and b.grad._storage is storage
        ]
        if len(shared) == 1 and layout_of(tensor)[0] == contiguous_strides(view.shape):
            stead = Storage(node, storage.device)
            stead.version = storage.version
            self.steads.append((tensor, storage, view, stead))
            self.storages_before[id(stead)] = stead
            self.storage_owners[id(stead)] = ("seen", owner)
            tensor._storage, tensor._view = stead, None
        else:
            view.node, view.version = node, storage.version

    def _leave_views(self) -> None:
        """Views are views again, and so are those that the call made of them."""
        for tensor, storage, view, stead in self.steads:
            tensor._storage, tensor._view = storage, view
            for other in gc.get_referrers(stead):
                if isinstance(other, Tensor):
                    seen = other._view
                    self.further[id(other)] = seen
                    steps = (*view.steps, *(seen.steps if seen is not None else ()))
                    shape, dtype = (seen.shape, seen.dtype) if seen is not None else (view.shape, view.dtype)
                    other._storage, other._view = storage, View(None, steps, shape, dtype)
            if stead.version != tensor._storage.version:
                write(tensor, stead.current())
                self.recording.refuse("it writes to the memory that an argument is a view of")

    def _enter_storage(self, storage: Storage, origin: tuple[str, Any], done: set[int]) -> None:
        if id(storage) in done:
            return
        done.add(id(storage))
        node = storage.node
        if storage.device is not CPU or node is None or node.buffer is None:
            raise Refused(f"a tensor is on {storage.device}")
        if node in self.origin or node.prim is CONSTANT:
            node = storage.node = of_array(node.buffer, node.dtype)
        self.origin[node] = origin

    # ------------------------------------------------------------ after

    def _judged(self, args: tuple, kwargs: dict[str, Any], result: Any) -> Replay:
        recording = self.recording
        self.check()
        if recording.fresh:
            raise Again
        again = Given(args, kwargs)
        if again.key != self.given.key or list(map(id, again.tensors)) != list(map(id, self.given.tensors)):
            raise Refused("it changes its arguments, or a setting such as the default dtype")
        self._check_feeds()
        return Settling(self, result, GivenBack(result, self._was_there, self._container_place)).replay()

    def check(self) -> None:
        """Nothing has happened that a replay would leave out."""
        self._check_code()
        if self.recording.failed is not None:
            raise Refused(*self.recording.failed)
        for name, file, line in self.recording.running.acts:
            raise Refused(f"{name} is called", file, line)
        for place in self.reach.places:
            if not place.holds():
                raise Refused(f"it changes {place.what}")

    def _check_code(self) -> None:
        """All code that ran was known before, so everything that it can see was looked at."""
        ran = {i: found for i, found in self.recording.running.codes.items() if kind_of(found[0]) is USER}
        self.codes.update(ran)
        if self.recording.failed is None and not ran.keys() <= self.known.keys():
            raise Again
        inner = {id(c) for code, _ in ran.values() for c in code.co_consts if isinstance(c, CodeType)}
        for i, (code, _) in ran.items():
            free = [name for name in code.co_freevars if name != "__class__"]
            if free and i not in self.reach.functions and i not in inner:
                raise Refused(
                    f"it runs {code.co_name}, whose variables cannot be found",
                    code.co_filename,
                    code.co_firstlineno,
                )

    def _check_feeds(self) -> None:
        advanced: set[int] = set()
        for feed in self.recording.feeds:
            if isinstance(feed, Draw) and stream_of(feed.generator) is not feed.stream:
                raise Refused("the random stream that it draws from is replaced")
            for thing in feed.advances:
                if id(thing) in advanced:
                    raise Refused("an optimizer steps twice")
                advanced.add(id(thing))

    def _was_there(self, value: Any) -> bool:
        return self.reach.saw(value) or any(value is thing for thing in self.given.objects)

    def _container_place(self, value: Any) -> int | None:
        for i, container in enumerate(self.given.containers):
            if container is value:
                return i
        return None
