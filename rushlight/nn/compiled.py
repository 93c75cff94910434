"""`OptimizedModule`: what `torch.compile(module)` gives, a module around the one that was given."""

from __future__ import annotations

from typing import Any

from ..compiler import wrappers
from ..compiler.dispatch import compiled
from .modules.module import Module


class OptimizedModule(Module):
    """A module whose calls are captured and replayed; everything else is its `_orig_mod`'s.

    Reading and setting attributes, training mode and parameters go through to the module inside; names in state_dict()
    start with `_orig_mod.`, as PyTorch's do.

    Source: torch._dynamo.eval_frame.OptimizedModule.
    """

    _own = frozenset(("_orig_mod", "forward", "_fullgraph", "_hooked", "training"))

    def __init__(self, mod: Module, fullgraph: bool = False) -> None:
        super().__init__()
        self.__dict__["_fullgraph"] = fullgraph
        self._modules["_orig_mod"] = mod
        self.__dict__.pop("training", None)
        self._compile()

    def _compile(self) -> None:
        inner = self._modules["_orig_mod"]
        # A function of the module, so that what it can see is found from the module and not from this one.
        self.__dict__["forward"] = compiled(inner.__call__, self._fullgraph)

    @property
    def training(self) -> bool:  # type: ignore[override]
        return self._modules["_orig_mod"].training

    @training.setter
    def training(self, mode: bool) -> None:
        if "_orig_mod" in self.__dict__.get("_modules", ()):
            self._modules["_orig_mod"].training = mode

    def __getattr__(self, name: str) -> Any:
        if name == "_orig_mod":
            return self.__dict__["_modules"]["_orig_mod"]
        return getattr(self._orig_mod, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if (
            name in OptimizedModule._own
            or "_modules" not in self.__dict__
            or "_orig_mod" not in self._modules
        ):
            super().__setattr__(name, value)
        else:
            setattr(self._orig_mod, name, value)

    def __delattr__(self, name: str) -> None:
        if name in OptimizedModule._own:
            super().__delattr__(name)
        else:
            delattr(self._orig_mod, name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *dir(self._orig_mod)})

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state.pop("forward", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._compile()

    def __len__(self) -> int:
        inner: Any = self._orig_mod
        if not hasattr(inner, "__len__"):
            raise TypeError(f"{type(inner).__name__} does not support len()")
        return len(inner)

    def __bool__(self) -> bool:
        return bool(self._orig_mod)


wrappers[Module] = OptimizedModule
