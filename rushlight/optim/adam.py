"""Adam (Kingma and Ba 2015), AMSGrad (Reddi et al. 2018) and AdamW's decoupled decay (Loshchilov and Hutter 2019)."""

from __future__ import annotations

import math
from typing import Any

from .. import functions as fn
from ..graph.node import Node
from ..tensor import Tensor, node_of
from .optimizer import Updating, check_range, next_step, number, scalar, zero_step


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

    def update(
        self, p: Node, g: Node, held: dict[str, Any], group: dict[str, Any]
    ) -> tuple[Node, dict[str, Node]]:
        dtype = p.dtype
        beta1, beta2 = (number(b) for b in group["betas"])
        lr, decay = number(group["lr"]), group["weight_decay"]
        step = next_step(held)
        if decay != 0:
            if group["decoupled_weight_decay"]:
                p = p * scalar(1 - lr * decay, dtype)
            else:
                g = g + p * scalar(decay, dtype)
        m, v = node_of(held["exp_avg"]), node_of(held["exp_avg_sq"])
        m = m + (g - m) * scalar(1 - beta1, dtype)
        v = v * scalar(beta2, dtype) + g * g * scalar(1 - beta2, dtype)
        changed = {"exp_avg": m, "exp_avg_sq": v}
        if group["amsgrad"]:
            v = changed["max_exp_avg_sq"] = node_of(held["max_exp_avg_sq"]).maximum(v)
        denominator = v.sqrt() / scalar(math.sqrt(1 - beta2**step), dtype) + scalar(group["eps"], dtype)
        return p - m / denominator * scalar(lr / (1 - beta1**step), dtype), changed


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
