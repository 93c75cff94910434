"""Adam's kin: Adamax (infinity norm), NAdam (Nesterov's momentum) and RAdam (rectified variance)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import functions as fn
from ..graph.node import Node
from ..tensor import Tensor, from_array, node_of
from .clock import number
from .decay import decay_of, decayed
from .optimizer import Updating, check_range, zero_step


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

    counts = ("step",)

    def numbers(self, group: dict[str, Any], counts: dict[str, float]) -> dict[str, Any]:
        counts["step"] = step = counts["step"] + 1
        beta1, beta2 = group["betas"]
        return {
            "decay": decay_of(group),
            "towards": 1.0 - beta1,
            "beta2": float(beta2),
            "eps": float(group["eps"]),
            "rate": number(group["lr"]) / (1.0 - beta1**step),
        }

    def update(
        self, p: Node, g: Node, held: dict[str, Any], n: dict[str, Any]
    ) -> tuple[Node, dict[str, Node]]:
        g = decayed(p, g, n)
        m = node_of(held["exp_avg"])
        m = m + (g - m) * n["towards"]
        u = (node_of(held["exp_inf"]) * n["beta2"]).maximum(g.abs() + n["eps"])
        return p - m / u * n["rate"], {"exp_avg": m, "exp_inf": u}


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

    counts = ("step", "mu_product")

    def numbers(self, group: dict[str, Any], counts: dict[str, float]) -> dict[str, Any]:
        counts["step"] = step = counts["step"] + 1
        beta1, beta2 = group["betas"]
        lr = number(group["lr"])
        mu = beta1 * (1.0 - 0.5 * (0.96 ** (step * group["momentum_decay"])))
        mu_next = beta1 * (1.0 - 0.5 * (0.96 ** ((step + 1) * group["momentum_decay"])))
        counts["mu_product"] = product = float(np.float32(counts["mu_product"]) * np.float32(mu))
        return {
            **_moment_numbers(group, lr, beta1, beta2),
            "correction": 1.0 - beta2**step,
            "rate": lr * (1.0 - mu) / (1.0 - product),
            "rate_next": lr * mu_next / (1.0 - product * mu_next),
        }

    def update(
        self, p: Node, g: Node, held: dict[str, Any], n: dict[str, Any]
    ) -> tuple[Node, dict[str, Node]]:
        p, g, m, v = _moments(p, g, held, n)
        denominator = (v / n["correction"]).sqrt() + n["eps"]
        p = p - g / denominator * n["rate"]
        p = p - m / denominator * n["rate_next"]
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

    counts = ("step",)

    def numbers(self, group: dict[str, Any], counts: dict[str, float]) -> dict[str, Any]:
        counts["step"] = step = counts["step"] + 1
        beta1, beta2 = group["betas"]
        lr = number(group["lr"])
        return {
            **_moment_numbers(group, lr, beta1, beta2),
            "rate": float(lr),
            "correction1": 1.0 - beta1**step,
            "correction2": math.sqrt(1 - beta2**step),
            "factor": _rectification(step, beta2),
        }

    def update(
        self, p: Node, g: Node, held: dict[str, Any], n: dict[str, Any]
    ) -> tuple[Node, dict[str, Node]]:
        p, g, m, v = _moments(p, g, held, n)
        step = m / n["correction1"] * n["rate"]
        if n["factor"] is not None:
            adaptive = n["correction2"] / (v.sqrt() + n["eps"])
            step = step * adaptive * n["factor"]
        return p - step, {"exp_avg": m, "exp_avg_sq": v}


def _moment_numbers(group: dict[str, Any], lr: float, beta1: float, beta2: float) -> dict[str, Any]:
    """What weight decay and the two running means read."""
    decay, kept = decay_of(group), None
    if decay is not None and group["decoupled_weight_decay"]:
        kept = 1.0 - lr * decay
        decay = None
    return {
        "decay": decay,
        "kept": kept,
        "towards": 1.0 - beta1,
        "beta2": float(beta2),
        "rest2": 1.0 - beta2,
        "eps": float(group["eps"]),
    }


def _moments(p: Node, g: Node, held: dict[str, Any], n: dict[str, Any]) -> tuple[Node, Node, Node, Node]:
    """(p, g, m, v) after weight decay, with the new means of g and of g squared."""
    if n["kept"] is not None:
        p = p * n["kept"]
    g = decayed(p, g, n)
    m, v = node_of(held["exp_avg"]), node_of(held["exp_avg_sq"])
    return p, g, m + (g - m) * n["towards"], v * n["beta2"] + g * g * n["rest2"]


def _rectification(step: float, beta2: float) -> float | None:
    """The factor of the adaptive rate; None while the variance cannot be trusted."""
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * step * (beta2**step) / (1 - beta2**step)
    if length <= 5.0:
        return None
    return ((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)) ** 0.5
