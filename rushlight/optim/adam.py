"""Adam (Kingma and Ba 2015), AMSGrad (Reddi et al. 2018) and AdamW's decoupled decay (Loshchilov and Hutter 2019)."""

from __future__ import annotations

import math
from typing import Any

from .. import functions as fn
from ..graph.node import Node
from ..tensor import Tensor, node_of
from .clock import number
from .decay import decay_of, decayed
from .optimizer import Updating, check_range, zero_step


class Adam(Updating):
    """p = p - lr * m / (sqrt(v) + eps), with m and v the bias-corrected means of g and g squared.

    Args:
        params: tensors or groups.
        lr: learning rate, at least 0.
        betas: how much of m and of v each step keeps, both in [0, 1).
        eps: added to the denominator.
        weight_decay: adds weight_decay * p to the gradient, or, with `decoupled_weight_decay`, takes
            lr * weight_decay * p from the parameter.
        amsgrad: divide by the largest v so far.
        maximize: climb instead.
        foreach, capturable, differentiable, fused: accepted; a step is one program here anyway.
    Source: torch.optim.Adam.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        check_range("learning rate", lr)
        check_range("epsilon value", eps)
        check_range("beta parameter at index 0", betas[0], 0.0, 1.0)
        check_range("beta parameter at index 1", betas[1], 0.0, 1.0)
        check_range("weight_decay value", weight_decay)
        super().__init__(
            params,
            dict(
                lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad, maximize=maximize,
                foreach=foreach, capturable=capturable, differentiable=differentiable, fused=fused,
                decoupled_weight_decay=decoupled_weight_decay,
            ),
        )  # fmt: skip

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for name, default in (
                ("amsgrad", False), ("maximize", False), ("foreach", None), ("capturable", False),
                ("differentiable", False), ("decoupled_weight_decay", False), ("fused", None),
            ):  # fmt: skip
                group.setdefault(name, default)

    def init_state(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        held = {"step": zero_step(), "exp_avg": fn.zeros_like(p), "exp_avg_sq": fn.zeros_like(p)}
        if group["amsgrad"]:
            held["max_exp_avg_sq"] = fn.zeros_like(p)
        return held

    counts = ("step",)

    def numbers(self, group: dict[str, Any], counts: dict[str, float]) -> dict[str, Any]:
        counts["step"] = step = counts["step"] + 1
        beta1, beta2 = group["betas"]
        if isinstance(beta1, Tensor) or isinstance(beta2, Tensor):
            beta1, beta2 = number(beta1), number(beta2)
        lr, decay, kept = number(group["lr"]), decay_of(group), None
        if decay is not None and group["decoupled_weight_decay"]:
            kept = 1.0 - lr * decay
            decay = None
        return {
            "decay": decay,
            "kept": kept,
            "towards": 1.0 - beta1,
            "beta2": float(beta2),
            "rest2": 1.0 - beta2,
            "correction": math.sqrt(1 - beta2**step),
            "eps": float(group["eps"]),
            "rate": lr / (1.0 - beta1**step),
            "amsgrad": group["amsgrad"],
        }

    def update(
        self, p: Node, g: Node, held: dict[str, Any], n: dict[str, Any]
    ) -> tuple[Node, dict[str, Node]]:
        if n["kept"] is not None:
            p = p * n["kept"]
        g = decayed(p, g, n)
        m, v = node_of(held["exp_avg"]), node_of(held["exp_avg_sq"])
        m = m + (g - m) * n["towards"]
        v = v * n["beta2"] + g * g * n["rest2"]
        changed = {"exp_avg": m, "exp_avg_sq": v}
        if n["amsgrad"]:
            v = changed["max_exp_avg_sq"] = node_of(held["max_exp_avg_sq"]).maximum(v)
        denominator = v.sqrt() / n["correction"] + n["eps"]
        return p - m / denominator * n["rate"], changed


class AdamW(Adam):
    """Adam with decoupled weight decay, 0.01 by default. Source: torch.optim.AdamW."""

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, foreach=foreach, maximize=maximize, capturable=capturable,
            differentiable=differentiable, fused=fused, decoupled_weight_decay=True,
        )  # fmt: skip

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True
