"""Optimizers that divide by what gradients have been so far: Adagrad, Adadelta, RMSprop."""

from __future__ import annotations

from typing import Any

from .. import functions as fn
from ..graph.node import Node
from ..tensor import Tensor, node_of
from .clock import number
from .decay import decay_of, decayed
from .optimizer import Updating, check_range, zero_step


class Adagrad(Updating):
    """p = p - lr' * g / (sqrt(s) + eps), with s the sum of g squared and lr' = lr / (1 + (step - 1) * lr_decay).

    Args:
        params: tensors or groups.
        lr, lr_decay: the rate, and how fast it falls.
        weight_decay: adds weight_decay * p to the gradient.
        initial_accumulator_value: what s starts from.
        eps: added to the denominator.
    Source: torch.optim.Adagrad; Duchi, Hazan and Singer 2011.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_range("learning rate", lr)
        check_range("lr_decay value", lr_decay)
        check_range("weight_decay value", weight_decay)
        check_range("initial_accumulator_value value", initial_accumulator_value)
        check_range("epsilon value", eps)
        super().__init__(
            params,
            dict(
                lr=lr, lr_decay=lr_decay, eps=eps, weight_decay=weight_decay,
                initial_accumulator_value=initial_accumulator_value, foreach=foreach, maximize=maximize,
                differentiable=differentiable, fused=fused,
            ),
        )  # fmt: skip
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p].update(self.init_state(p, group))

    def share_memory(self) -> None:
        """Accepted: states are not shared between processes here."""

    def init_state(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        start = group["initial_accumulator_value"]
        start = complex(start, start) if p.is_complex() else start
        return {"step": zero_step(), "sum": fn.full_like(p, start)}

    counts = ("step",)

    def numbers(self, group: dict[str, Any], counts: dict[str, float]) -> dict[str, Any]:
        counts["step"] = step = counts["step"] + 1
        rate = number(group["lr"]) / (1.0 + (step - 1) * group["lr_decay"])
        return {"decay": decay_of(group), "rate": rate, "eps": float(group["eps"])}

    def update(
        self, p: Node, g: Node, held: dict[str, Any], n: dict[str, Any]
    ) -> tuple[Node, dict[str, Node]]:
        g = decayed(p, g, n)
        total = node_of(held["sum"]) + g * g
        return p - g / (total.sqrt() + n["eps"]) * n["rate"], {"sum": total}


class Adadelta(Updating):
    """p = p - lr * d, with d = g * sqrt(u + eps) / sqrt(v + eps): v runs over g squared, u over d squared.

    Args:
        params: tensors or groups.
        lr: scales the step.
        rho: how much of v and u each step keeps, in [0, 1].
        eps: added under the roots.
        weight_decay: adds weight_decay * p to the gradient.
    Source: torch.optim.Adadelta; Zeiler 2012.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_range("learning rate", lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        check_range("epsilon value", eps)
        check_range("weight_decay value", weight_decay)
        super().__init__(
            params,
            dict(
                lr=lr, rho=rho, eps=eps, weight_decay=weight_decay, maximize=maximize, capturable=capturable,
                foreach=foreach, differentiable=differentiable,
            ),
        )  # fmt: skip

    def init_state(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {"step": zero_step(), "square_avg": fn.zeros_like(p), "acc_delta": fn.zeros_like(p)}

    counts = ("step",)

    def numbers(self, group: dict[str, Any], counts: dict[str, float]) -> dict[str, Any]:
        counts["step"] += 1
        rho = float(group["rho"])
        return {
            "decay": decay_of(group),
            "rho": rho,
            "rest": 1 - rho,
            "eps": float(group["eps"]),
            "rate": float(number(group["lr"])),
        }

    def update(
        self, p: Node, g: Node, held: dict[str, Any], n: dict[str, Any]
    ) -> tuple[Node, dict[str, Node]]:
        g = decayed(p, g, n)
        v = node_of(held["square_avg"]) * n["rho"] + g * g * n["rest"]
        u = node_of(held["acc_delta"])
        d = (u + n["eps"]).sqrt() / (v + n["eps"]).sqrt() * g
        u = u * n["rho"] + d * d * n["rest"]
        return p - d * n["rate"], {"square_avg": v, "acc_delta": u}


class RMSprop(Updating):
    """p = p - lr * g / (sqrt(v) + eps), with v the running mean of g squared (of its variance when centered).

    Args:
        params: tensors or groups.
        lr: learning rate.
        alpha: how much of v each step keeps.
        eps: added to the denominator.
        weight_decay: adds weight_decay * p to the gradient.
        momentum: how much of the last step is kept.
        centered: divide by the deviation instead.
    Source: torch.optim.RMSprop; Hinton's lecture 6e, and Graves 2013 for the centered form.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_range("learning rate", lr)
        check_range("epsilon value", eps)
        check_range("momentum value", momentum)
        check_range("weight_decay value", weight_decay)
        check_range("alpha value", alpha)
        super().__init__(
            params,
            dict(
                lr=lr, momentum=momentum, alpha=alpha, eps=eps, centered=centered, weight_decay=weight_decay,
                capturable=capturable, foreach=foreach, maximize=maximize, differentiable=differentiable,
            ),
        )  # fmt: skip

    def init_state(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        held = {"step": zero_step(), "square_avg": fn.zeros_like(p)}
        if group["momentum"] > 0:
            held["momentum_buffer"] = fn.zeros_like(p)
        if group["centered"]:
            held["grad_avg"] = fn.zeros_like(p)
        return held

    counts = ("step",)

    def numbers(self, group: dict[str, Any], counts: dict[str, float]) -> dict[str, Any]:
        counts["step"] += 1
        alpha = float(group["alpha"])
        return {
            "decay": decay_of(group),
            "alpha": alpha,
            "rest": 1 - alpha,
            "eps": float(group["eps"]),
            "momentum": float(group["momentum"]) if group["momentum"] > 0 else None,
            "rate": float(number(group["lr"])),
            "centered": group["centered"],
        }

    def update(
        self, p: Node, g: Node, held: dict[str, Any], n: dict[str, Any]
    ) -> tuple[Node, dict[str, Node]]:
        g = decayed(p, g, n)
        v = node_of(held["square_avg"]) * n["alpha"] + g * g * n["rest"]
        changed = {"square_avg": v}
        if n["centered"]:
            mean = node_of(held["grad_avg"])
            mean = changed["grad_avg"] = mean + (g - mean) * n["rest"]
            v = v - mean * mean
        away = g / (v.sqrt() + n["eps"])
        if n["momentum"] is not None:
            away = changed["momentum_buffer"] = node_of(held["momentum_buffer"]) * n["momentum"] + away
        return p - away * n["rate"], changed
