"""ASGD (averaged stochastic gradient descent) and Rprop (resilient backpropagation)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import functions as fn
from ..graph.node import Node
from ..tensor import Tensor, from_array, node_of
from .clock import number
from .decay import decay_of, decayed
from .optimizer import Updating, check_range, zero_step


def _float32(value: float) -> Tensor:
    return from_array(np.array(value, np.float32))


class ASGD(Updating):
    """SGD with a falling rate eta, and beside the parameters their running average `ax` from step t0 on.

    Args:
        params: tensors or groups.
        lr: the rate at the start.
        lambd: decay of the parameters, and of eta with `alpha`: eta = lr / (1 + lambd * lr * step) ** alpha.
        t0: the step at which averaging starts.
        weight_decay: adds weight_decay * p to the gradient.
    Source: torch.optim.ASGD; Polyak and Juditsky 1992.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_range("learning rate", lr)
        check_range("weight_decay value", weight_decay)
        super().__init__(
            params,
            dict(
                lr=lr, lambd=lambd, alpha=alpha, t0=t0, weight_decay=weight_decay, foreach=foreach, maximize=maximize,
                differentiable=differentiable, capturable=capturable,
            ),
        )  # fmt: skip

    def init_state(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        rate = _float32(number(group["lr"]))
        return {"step": zero_step(), "eta": rate, "mu": _float32(1.0), "ax": fn.zeros_like(p)}

    counts = ("step", "eta", "mu")

    def numbers(self, group: dict[str, Any], counts: dict[str, float]) -> dict[str, Any]:
        eta, mu, lr = counts["eta"], counts["mu"], number(group["lr"])
        counts["step"] = step = counts["step"] + 1
        counts["eta"] = lr / (1 + group["lambd"] * lr * step) ** group["alpha"]
        counts["mu"] = 1 / max(1, step - group["t0"])
        return {
            "decay": decay_of(group),
            "kept": 1.0 - group["lambd"] * eta,
            "rate": eta,
            "share": None if mu == 1 else mu,
        }

    def update(
        self, p: Node, g: Node, held: dict[str, Any], n: dict[str, Any]
    ) -> tuple[Node, dict[str, Node]]:
        g = decayed(p, g, n)
        p = p * n["kept"]
        p = p - g * n["rate"]
        average = node_of(held["ax"])
        average = p if n["share"] is None else average + (p - average) * n["share"]
        return p, {"ax": average}


class Rprop(Updating):
    """Steps of a size of their own for every number, which grows while its gradient keeps its sign.

    Args:
        params: tensors or groups.
        lr: the first step size.
        etas: what a size is multiplied by when the sign changes, and when it stays.
        step_sizes: the smallest and largest size.
    Source: torch.optim.Rprop; Riedmiller and Braun 1993.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_range("learning rate", lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        super().__init__(
            params,
            dict(
                lr=lr, etas=etas, step_sizes=step_sizes, foreach=foreach, maximize=maximize,
                differentiable=differentiable, capturable=capturable,
            ),
        )  # fmt: skip

    def init_state(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        lr = number(group["lr"])
        start = complex(lr, lr) if p.is_complex() else lr
        return {"step": zero_step(), "prev": fn.zeros_like(p), "step_size": fn.full_like(p, start)}

    counts = ("step",)

    def numbers(self, group: dict[str, Any], counts: dict[str, float]) -> dict[str, Any]:
        counts["step"] += 1
        less, more = group["etas"]
        smallest, largest = group["step_sizes"]
        return {
            "less": float(less), "more": float(more), "smallest": float(smallest), "largest": float(largest),
        }  # fmt: skip

    def update(
        self, p: Node, g: Node, held: dict[str, Any], n: dict[str, Any]
    ) -> tuple[Node, dict[str, Node]]:
        agreement = g * node_of(held["prev"])
        turned = agreement.lt(0)
        size = node_of(held["step_size"])
        size = agreement.gt(0).where(size * n["more"], turned.where(size * n["less"], size))
        size = size.maximum(n["smallest"]).minimum(n["largest"])
        g = turned.where(0, g)
        return p - g.sign() * size, {"prev": g.copy(), "step_size": size}
