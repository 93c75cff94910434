"""Adam's kin: Adamax (infinity norm), NAdam (Nesterov's momentum) and RAdam (rectified variance)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import functions as fn
from ..graph.node import Node
from ..tensor import Tensor, from_array, node_of
from .accumulating import decayed
from .optimizer import Updating, check_range, next_step, number, scalar, zero_step


def _check(lr: Any, betas: tuple, eps: float, weight_decay: float) -> None:
    check_range("learning rate", lr)
    check_range("epsilon value", eps)
    check_range("beta parameter at index 0", betas[0], 0.0, 1.0)
    check_range("beta parameter at index 1", betas[1], 0.0, 1.0)
    check_range("weight_decay value", weight_decay)


class Adamax(Updating):
    """p = p - lr / (1 - beta1^t) * m / u, with u = max(beta2 * u, |g| + eps).

    Source: torch.optim.Adamax; Kingma and Ba 2015, section 7.1. Arguments as of Adam.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        _check(lr, betas, eps, weight_decay)
        super().__init__(
            params,
            dict(
                lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, foreach=foreach, maximize=maximize,
                differentiable=differentiable, capturable=capturable,
            ),
        )  # fmt: skip

    def init_state(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {"step": zero_step(), "exp_avg": fn.zeros_like(p), "exp_inf": fn.zeros_like(p)}

    def update(
        self, p: Node, g: Node, held: dict[str, Any], group: dict[str, Any]
    ) -> tuple[Node, dict[str, Node]]:
        step, dtype = next_step(held), p.dtype
        beta1, beta2 = group["betas"]
        g = decayed(p, g, group)
        m = node_of(held["exp_avg"])
        m = m + (g - m) * scalar(1 - beta1, dtype)
        u = (node_of(held["exp_inf"]) * scalar(beta2, dtype)).maximum(g.abs() + scalar(group["eps"], dtype))
        rate = number(group["lr"]) / (1 - beta1**step)
        return p - m / u * scalar(rate, dtype), {"exp_avg": m, "exp_inf": u}


class NAdam(Updating):
    """Adam whose momentum looks one step ahead, with the momentum mu_t = beta1 * (1 - 0.5 * 0.96^(t * decay)).

    Args:
        momentum_decay: how fast mu grows to beta1.
        decoupled_weight_decay: as in AdamW.
    Source: torch.optim.NAdam; Dozat 2016. Other arguments as of Adam.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        _check(lr, betas, eps, weight_decay)
        check_range("momentum_decay value", momentum_decay)
        super().__init__(
            params,
            dict(
                lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay,
                decoupled_weight_decay=decoupled_weight_decay, maximize=maximize, foreach=foreach,
                capturable=capturable, differentiable=differentiable,
            ),
        )  # fmt: skip

    def init_state(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        one = from_array(np.array(1.0, np.float32))
        return {
            "step": zero_step(),
            "mu_product": one,
            "exp_avg": fn.zeros_like(p),
            "exp_avg_sq": fn.zeros_like(p),
        }

    def update(
        self, p: Node, g: Node, held: dict[str, Any], group: dict[str, Any]
    ) -> tuple[Node, dict[str, Node]]:
        step, dtype = next_step(held), p.dtype
        beta1, beta2 = group["betas"]
        lr, decay = number(group["lr"]), group["weight_decay"]
        if decay != 0 and group["decoupled_weight_decay"]:
            p = p * scalar(1 - lr * decay, dtype)
        elif decay != 0:
            g = decayed(p, g, group)
        mu = beta1 * (1.0 - 0.5 * (0.96 ** (step * group["momentum_decay"])))
        mu_next = beta1 * (1.0 - 0.5 * (0.96 ** ((step + 1) * group["momentum_decay"])))
        product = float(np.float32(held["mu_product"].item()) * np.float32(mu))
        held["mu_product"] = from_array(np.array(product, np.float32))
        m, v = node_of(held["exp_avg"]), node_of(held["exp_avg_sq"])
        m = m + (g - m) * scalar(1 - beta1, dtype)
        v = v * scalar(beta2, dtype) + g * g * scalar(1 - beta2, dtype)
        denominator = (v / scalar(1 - beta2**step, dtype)).sqrt() + scalar(group["eps"], dtype)
        p = p - g / denominator * scalar(lr * (1.0 - mu) / (1.0 - product), dtype)
        p = p - m / denominator * scalar(lr * mu_next / (1.0 - product * mu_next), dtype)
        return p, {"exp_avg": m, "exp_avg_sq": v}


class RAdam(Updating):
    """Adam whose adaptive rate is used, and scaled, only once its variance can be trusted.

    Source: torch.optim.RAdam; Liu et al. 2020. Arguments as of Adam.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        _check(lr, betas, eps, weight_decay)
        super().__init__(
            params,
            dict(
                lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, maximize=maximize, foreach=foreach,
                capturable=capturable, decoupled_weight_decay=decoupled_weight_decay, differentiable=differentiable,
            ),
        )  # fmt: skip

    def init_state(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {"step": zero_step(), "exp_avg": fn.zeros_like(p), "exp_avg_sq": fn.zeros_like(p)}

    def update(
        self, p: Node, g: Node, held: dict[str, Any], group: dict[str, Any]
    ) -> tuple[Node, dict[str, Node]]:
        step, dtype = next_step(held), p.dtype
        beta1, beta2 = group["betas"]
        lr, decay = number(group["lr"]), group["weight_decay"]
        if decay != 0 and group["decoupled_weight_decay"]:
            p = p * scalar(1 - lr * decay, dtype)
        elif decay != 0:
            g = decayed(p, g, group)
        m, v = node_of(held["exp_avg"]), node_of(held["exp_avg_sq"])
        m = m + (g - m) * scalar(1 - beta1, dtype)
        v = v * scalar(beta2, dtype) + g * g * scalar(1 - beta2, dtype)
        corrected = m / scalar(1 - beta1**step, dtype)
        step_part = corrected * scalar(lr, dtype)
        factor = _rectification(step, beta2)
        if factor is not None:
            adaptive = scalar(math.sqrt(1 - beta2**step), dtype) / (v.sqrt() + scalar(group["eps"], dtype))
            step_part = step_part * adaptive * scalar(factor, dtype)
        return p - step_part, {"exp_avg": m, "exp_avg_sq": v}


def _rectification(step: int, beta2: float) -> float | None:
    """The factor of the adaptive rate; None while the variance cannot be trusted."""
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * step * (beta2**step) / (1 - beta2**step)
    if length <= 5.0:
        return None
    return ((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)) ** 0.5
