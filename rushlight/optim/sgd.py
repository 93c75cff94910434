"""Stochastic gradient descent, with momentum (Polyak 1964) and Nesterov's form (Sutskever et al. 2013)."""

from __future__ import annotations

from typing import Any

from ..graph.node import Node
from ..tensor import node_of
from .clock import number
from .decay import decay_of, decayed
from .optimizer import Updating, check_range


class SGD(Updating):
    """p = p - lr * v, with v the gradient or its running sum: v = momentum * v + (1 - dampening) * g.

    Args:
        params: tensors or groups.
        lr: learning rate, at least 0.
        momentum: how much of the last v is kept; at the first step v is the gradient itself.
        dampening: how much of the gradient is left out of v.
        weight_decay: adds weight_decay * p to the gradient.
        nesterov: step along g + momentum * v; needs momentum and no dampening.
        maximize: climb instead.
        foreach, differentiable, fused: accepted; a step is one program here anyway.
    Source: torch.optim.SGD.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: Any = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_range("learning rate", lr)
        check_range("momentum value", momentum)
        check_range("weight_decay value", weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(
            params,
            dict(
                lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay, nesterov=nesterov,
                maximize=maximize, foreach=foreach, differentiable=differentiable, fused=fused,
            ),
        )  # fmt: skip

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for name, default in (
                ("nesterov", False),
                ("maximize", False),
                ("foreach", None),
                ("differentiable", False),
                ("fused", False),
            ):
                group.setdefault(name, default)

    def numbers(self, group: dict[str, Any], counts: dict[str, float]) -> dict[str, Any]:
        momentum = group["momentum"]
        return {
            "rate": float(number(group["lr"])),
            "decay": decay_of(group),
            "momentum": float(momentum) if momentum != 0 else None,
            "taken": float(1 - group["dampening"]),
            "nesterov": group["nesterov"],
        }

    def update(
        self, p: Node, g: Node, held: dict[str, Any], n: dict[str, Any]
    ) -> tuple[Node, dict[str, Node]]:
        changed = {}
        g = decayed(p, g, n)
        if n["momentum"] is not None:
            before = held.get("momentum_buffer")
            v = g.copy() if before is None else node_of(before) * n["momentum"] + g * n["taken"]
            changed["momentum_buffer"] = v
            g = g + v * n["momentum"] if n["nesterov"] else v
        return p - g * n["rate"], changed
