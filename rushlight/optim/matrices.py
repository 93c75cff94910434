"""Optimizers that look at whole matrices: Adafactor (factored second moments) and Muon (orthogonalized momentum)."""

from __future__ import annotations

import math
from typing import Any

from .. import functions as fn
from ..dtypes import bfloat16, float32
from ..graph.node import Node
from ..ops.contraction import transposed
from ..tensor import Tensor, node_of
from .clock import number
from .optimizer import Updating, check_range, zero_step

_EPSILON = {
    "float32": 1.1920928955078125e-07,
    "float64": 2.220446049250313e-16,
    "float16": 0.0009765625,
    "bfloat16": 0.0078125,
}


class Adafactor(Updating):
    """Adam without a first moment, whose second moment of a matrix is kept as its row and column means.

    Args:
        params: tensors or groups.
        lr: the largest relative step.
        beta2_decay: beta2 at step t is 1 - t ** beta2_decay.
        eps: (under the root, None for the dtype's own; the least size of a parameter that steps are relative to).
        d: updates are clipped to this root mean square.
        weight_decay: takes lr * weight_decay * p from the parameter.
    Source: torch.optim.Adafactor; Shazeer and Stern 2018.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        check_range("learning rate", lr)
        if beta2_decay > 0.0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None and eps[0] < 0.0:
            raise ValueError(f"epsilon1 should be >= 0 but is: {eps[0]}")
        if eps[1] < 0.0:
            raise ValueError(f"epsilon2 should be >= 0 but is: {eps[1]}")
        if d < 1.0:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        if weight_decay < 0.0:
            raise ValueError(f"weight_decay should be >= 0 but is: {weight_decay}")
        super().__init__(
            params,
            dict(
                lr=lr,
                beta2_decay=beta2_decay,
                eps=eps,
                d=d,
                weight_decay=weight_decay,
                foreach=foreach,
                maximize=maximize,
            ),
        )

    def init_state(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        if p.dim() < 2:
            return {"step": zero_step(), "variance": fn.zeros_like(p)}
        row, column = list(p.shape), list(p.shape)
        row[-1] = column[-2] = 1
        return {"step": zero_step(), "row_var": p.new_zeros(row), "col_var": p.new_zeros(column)}

    counts = ("step",)

    def numbers(self, group: dict[str, Any], counts: dict[str, float]) -> dict[str, Any]:
        counts["step"] = step = counts["step"] + 1
        lr = number(group["lr"])
        eps1, eps2 = group["eps"]
        return {
            "rest": step ** group["beta2_decay"],  # 1 - beta2
            "rate": float(min(lr, 1 / (step**0.5))),
            "eps1": (eps1,),
            "eps2": float(eps2),
            "kept": None if group["weight_decay"] == 0 else 1.0 - lr * group["weight_decay"],
            "d": float(group["d"]),
        }

    def update(
        self, p: Node, g: Node, held: dict[str, Any], n: dict[str, Any]
    ) -> tuple[Node, dict[str, Node]]:
        (eps,) = n["eps1"]
        eps = _EPSILON[p.dtype.name] if eps is None else eps
        alpha = _root_mean_square(p).maximum(n["eps2"]) * n["rate"]
        if n["kept"] is not None:
            p = p * n["kept"]
        variance, changed = self._variance(g, held, n["rest"], eps)
        update = variance.maximum(eps * eps).rsqrt() * g
        size = (_root_mean_square(update) / n["d"]).maximum(1.0)
        return p - update * (alpha / size), changed

    def _variance(self, g: Node, held: dict[str, Any], rest: Node, eps: float) -> tuple[Node, dict]:
        if len(g.shape) < 2:
            v = node_of(held["variance"])
            v = v + (g * g - v) * rest
            return v, {"variance": v}
        last = len(g.shape) - 1
        row, column = node_of(held["row_var"]), node_of(held["col_var"])
        rows = (g * g).sum((last,), True) / g.shape[-1]
        columns = (g * g).sum((last - 1,), True) / g.shape[-2]
        row = row + (rows - row) * rest
        column = column + (columns - column) * rest
        mean = (row.sum((last - 1,), True) / row.shape[-2]).maximum(eps)
        return row @ column / mean, {"row_var": row, "col_var": column}


def _root_mean_square(x: Node) -> Node:
    return (x * x).sum(tuple(range(len(x.shape))), False).sqrt() / math.sqrt(max(x.numel, 1))


class Muon(Updating):
    """Momentum whose matrix is made nearly orthogonal by Newton-Schulz steps before it is applied.

    Args:
        params: matrices (2 dimensions) or groups of them.
        lr, weight_decay, momentum, nesterov: as in SGD, the decay decoupled.
        ns_coefficients, eps, ns_steps: of the Newton-Schulz iteration.
        adjust_lr_fn: "original" or "match_rms_adamw": how the rate follows a matrix's sides.
    Source: torch.optim.Muon; Jordan et al. 2024.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        check_range("learning rate", lr)
        check_range("momentum value", momentum)
        check_range("weight_decay value", weight_decay)
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        super().__init__(
            params,
            dict(
                lr=lr, weight_decay=weight_decay, momentum=momentum, nesterov=nesterov, ns_coefficients=ns_coefficients,
                eps=eps, ns_steps=ns_steps, adjust_lr_fn=adjust_lr_fn,
            ),
        )  # fmt: skip
        for group in self.param_groups:
            for p in group["params"]:
                if p.dim() != 2:
                    raise ValueError(
                        f"Muon only supports 2D parameters whereas we found a parameter with size: {p.size()}"
                    )

    def init_state(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {"momentum_buffer": fn.zeros_like(p)}

    def numbers(self, group: dict[str, Any], counts: dict[str, float]) -> dict[str, Any]:
        lr, momentum = number(group["lr"]), group["momentum"]
        return {
            "rate": float(lr),
            "towards": 1.0 - momentum,
            "momentum": float(momentum),
            "kept": 1.0 - lr * group["weight_decay"],
            "nesterov": group["nesterov"],
            "iteration": (tuple(group["ns_coefficients"]), group["ns_steps"], group["eps"]),
            "like_adamw": group["adjust_lr_fn"] == "match_rms_adamw",
        }

    def update(
        self, p: Node, g: Node, held: dict[str, Any], n: dict[str, Any]
    ) -> tuple[Node, dict[str, Node]]:
        v = node_of(held["momentum_buffer"])
        v = v + (g - v) * n["towards"]
        step = g + (v - g) * n["momentum"] if n["nesterov"] else v
        step = _orthogonal(step, *n["iteration"])
        rows, columns = p.shape
        ratio = 0.2 * math.sqrt(max(rows, columns)) if n["like_adamw"] else math.sqrt(max(1, rows / columns))
        return p * n["kept"] - step.cast(p.dtype) * (n["rate"] * ratio), {"momentum_buffer": v}


def _wide(x: Node) -> Node:
    """In float32, so that a product and what is added to it are rounded once."""
    return x.cast(float32)


def _orthogonal(g: Node, coefficients: tuple[float, float, float], steps: int, eps: float) -> Node:
    """The nearest matrix with orthogonal rows (or columns), about, in bfloat16 as in the original."""
    a, b, c = coefficients
    x = g.cast(bfloat16)
    tall = x.shape[0] > x.shape[1]
    x = transposed(x) if tall else x
    wide = _wide(x)
    norm = (wide * wide).sum((0, 1), False).sqrt().cast(bfloat16)
    x = x / norm.maximum(eps)
    for _ in range(steps):
        gram = _wide(x @ transposed(x))
        update = (gram * b + gram @ gram * c).cast(bfloat16)
        x = (_wide(x) * a + _wide(update) @ _wide(x)).cast(bfloat16)
    return transposed(x) if tall else x
