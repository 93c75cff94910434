"""What a capture has to know of modules: their parameters, buffers and children, and whether any of it has changed.

Attributes of all modules are compared only when some module has been changed since the last look, which one number tells
(`Changes.count`): in the loop of a training it stays as it is.
"""

from __future__ import annotations

from typing import Any

from ..compiler.places import Place, same
from ..compiler.reach import Reach, kind_of_class, kinds
from ..compiler.running import USER
from .changes import Changes
from .modules.calling import HookMethods
from .modules.module import Module

_REGISTRIES = ("_parameters", "_buffers", "_modules")


class Modules(Place):
    """The attributes of modules: their own, and what is registered in them."""

    def __init__(self) -> None:
        self.seen: list[tuple[Module, dict[str, Any], list[dict[str, Any]]]] = []
        self.count = Changes.count
        self.hooked = HookMethods._hooked

    def add(self, module: Module) -> None:
        members = module.__dict__
        self.seen.append((module, dict(members), [dict(members[name]) for name in _REGISTRIES]))

    def holds(self) -> bool:
        if self.count == Changes.count:
            return True
        count = Changes.count
        if HookMethods._hooked is not self.hooked:
            self.what = "hooks of modules"
            return False
        for module, members, registries in self.seen:
            now = module.__dict__
            if not _alike(now, members) or not all(
                _alike(now[name], before) for name, before in zip(_REGISTRIES, registries)
            ):
                self.what = f"an attribute of a {type(module).__name__}"
                return False
        self.count = count
        return True


def _alike(now: dict[str, Any], before: dict[str, Any]) -> bool:
    if len(now) != len(before):
        return False
    for name, value in before.items():
        found = now.get(name, before)
        if found is not value and not same(found, value):
            return False
    return True


def _look(reach: Reach, module: Module) -> None:
    if not reach.modules:
        place = Modules()
        reach.modules.append(place)
        reach.places.append(place)
    reach.modules[0].add(module)
    members = module.__dict__
    if "_parameters" not in members:
        return  # not initialized
    for registry in _REGISTRIES:
        for value in members[registry].values():
            reach.visit(value)
    own = kind_of_class(type(module)) is not USER
    for name, value in members.items():
        if name not in _SKIPPED and (own or reach.dynamic or name in reach.names):
            reach.visit(value)
    reach.visit(type(module))


_SKIPPED = frozenset(Module().__dict__) - {"training"}

kinds[Module] = _look
