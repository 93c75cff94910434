"""`torch.autograd.graph`: the tape as programs look at it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from .entry import Entry as Node
from .hooks import RemovableHandle, add
from .record import edge_of


class saved_tensors_hooks:
    """Pack and unpack what is saved for backward: accepted, and not called.

    What is saved here are values of the graph, shared and never copied, so there is nothing to pack.
    Source: torch.autograd.graph.saved_tensors_hooks.
    """

    def __init__(self, pack_hook: Callable, unpack_hook: Callable) -> None:
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        pass


class save_on_cpu(saved_tensors_hooks):
    """Keep what is saved on the CPU, where it is. Source: torch.autograd.graph.save_on_cpu."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(lambda t: t, lambda t: t)


@contextlib.contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """Accepted: there are no such hooks."""
    yield


@contextlib.contextmanager
def allow_mutation_on_saved_tensors() -> Iterator[None]:
    """Accepted: writing to a saved tensor is always right here."""
    yield


def get_gradient_edge(tensor: Any) -> Any:
    """The tensor's place on the tape. Source: torch.autograd.graph.get_gradient_edge."""
    edge = edge_of(tensor)
    if edge is None:
        raise RuntimeError(
            "It is not possible to get the gradient edge for a Tensor that does not require gradients"
        )
    return edge


def register_multi_grad_hook(tensors: Any, fn: Callable, *, mode: str = "all") -> RemovableHandle:
    """Call fn with the gradients of all tensors once they are known (mode "any": with the first one's).

    Source: torch.autograd.graph.register_multi_grad_hook.
    """
    tensors = list(tensors)
    found: dict[int, Any] = {}
    done: list[bool] = []

    def hook_for(i: int) -> Callable:
        def hook(g: Any) -> None:
            if mode == "any":
                if not done:
                    done.append(True)
                    fn(g)
                return
            found[i] = g
            if len(found) == len(tensors):
                grads = [found[k] for k in range(len(tensors))]
                found.clear()
                fn(grads)

        return hook

    handles = [t.register_hook(hook_for(i)) for i, t in enumerate(tensors)]
    owner: dict = {}
    handle = add(owner, "all", lambda: None)
    remove = handle.remove

    def remove_all() -> None:
        for h in handles:
            h.remove()
        remove()

    handle.remove = remove_all  # type: ignore[method-assign]
    return handle


def set_warn_on_accumulate_grad_stream_mismatch(enabled: bool) -> None:
    """Accepted: there are no streams."""


def increment_version(tensor: Any) -> None:
    """Count a write to the tensor's memory."""
    for t in [tensor] if hasattr(tensor, "_storage") else list(tensor):
        t._storage.version += 1


__all__ = ["Node", "get_gradient_edge", "register_multi_grad_hook", "save_on_cpu", "saved_tensors_hooks"]
