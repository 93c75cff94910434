"""L-BFGS: quasi-Newton steps from the last few changes of parameters and gradients (Liu and Nocedal 1989).

All parameters are one flat vector here. The closure is called several times a step, so this optimizer reads numbers
as it goes and is written on tensors, not on nodes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .. import functions as fn
from ..autograd.modes import enable_grad, no_grad
from ..tensor import Tensor
from .clock import number
from .optimizer import Optimizer
from .wolfe import strong_wolfe


class LBFGS(Optimizer):
    """Minimizes closure() by quasi-Newton steps; one group of parameters.

    Args:
        params: tensors.
        lr: step length, of the first try when a line search is used.
        max_iter, max_eval: iterations and calls of the closure a step (None: 1.25 * max_iter).
        tolerance_grad, tolerance_change: stop when the gradient, or the change, is this small.
        history_size: how many changes are kept.
        line_search_fn: None or "strong_wolfe".
    Source: torch.optim.LBFGS.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        if number(lr) < 0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if max_eval is None:
            max_eval = max_iter * 5 // 4
        super().__init__(
            params,
            dict(
                lr=lr, max_iter=max_iter, max_eval=max_eval, tolerance_grad=tolerance_grad,
                tolerance_change=tolerance_change, history_size=history_size, line_search_fn=line_search_fn,
            ),
        )  # fmt: skip
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        self._params = self.param_groups[0]["params"]

    def _gather(self) -> Tensor:
        parts = []
        for p in self._params:
            g = fn.zeros_like(p) if p.grad is None else p.grad
            parts.append((fn.view_as_real(g) if g.is_complex() else g).reshape(-1))
        return fn.cat(parts).detach()

    def _move(self, rate: Any, direction: Tensor) -> None:
        at = 0
        with no_grad():
            for p in self._params:
                seen = fn.view_as_real(p) if p.is_complex() else p
                n = seen.numel()
                seen.add_(direction[at : at + n].view(seen.shape), alpha=rate)
                at += n

    def _along(
        self, closure: Callable, start: list[Tensor], direction: Tensor, rate: float
    ) -> tuple[float, Tensor]:
        """(loss, gradient) at a point along the direction; the parameters are put back."""
        self._move(rate, direction)
        loss = float(closure())
        gradient = self._gather()
        with no_grad():
            for p, before in zip(self._params, start):
                p.copy_(before)
        return loss, gradient

    def step(self, closure: Callable | None = None) -> Any:
        """Iterate until a limit or a tolerance is reached; gives the first loss."""
        if closure is None:
            raise TypeError("LBFGS.step() needs a closure that computes the loss and its gradients")

        def again() -> Any:
            with enable_grad():
                return closure()

        with no_grad():
            return self._minimize(again)

    def _minimize(self, closure: Callable) -> Any:
        group = self.param_groups[0]
        lr, most = group["lr"], group["max_iter"]
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first_loss = closure()
        loss = float(first_loss)
        calls = 1
        state["func_evals"] += 1
        g = self._gather()
        if float(g.abs().max()) <= group["tolerance_grad"]:
            return first_loss
        d, t = state.get("d"), state.get("t")
        old_dirs, old_stps, ro = state.get("old_dirs", []), state.get("old_stps", []), state.get("ro", [])
        h_diag, before, before_loss = state.get("H_diag"), state.get("prev_flat_grad"), state.get("prev_loss")
        for iteration in range(1, most + 1):
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                d, h_diag = -g, 1
                old_dirs, old_stps, ro = [], [], []
            else:
                h_diag = _remember(g - before, d * t, old_dirs, old_stps, ro, h_diag, group["history_size"])
                weights = state.setdefault("al", [None] * group["history_size"])
                d = _direction(g, old_dirs, old_stps, ro, h_diag, weights)
            before, before_loss = g.clone(), loss
            t = min(1.0, 1.0 / float(g.abs().sum())) * lr if state["n_iter"] == 1 else lr
            slope = float(g.dot(d))
            if slope > -group["tolerance_change"]:
                break
            used = 0
            small = False
            if group["line_search_fn"] is not None:
                if group["line_search_fn"] != "strong_wolfe":
                    raise RuntimeError("only 'strong_wolfe' is supported")
                start = [p.clone() for p in self._params]
                along = functools.partial(self._along, closure, start, d)
                loss, g, t, used = strong_wolfe(along, float(t), d, loss, g, slope)
                self._move(t, d)
                small = float(g.abs().max()) <= group["tolerance_grad"]
            else:
                self._move(t, d)
                if iteration != most:
                    loss = float(closure())
                    g = self._gather()
                    small = float(g.abs().max()) <= group["tolerance_grad"]
                    used = 1
            calls += used
            state["func_evals"] += used
            still = float((d * t).abs().max()) <= group["tolerance_change"]
            if iteration == most or calls >= group["max_eval"] or small or still:
                break
            if abs(loss - before_loss) < group["tolerance_change"]:
                break
        state.update(d=d, t=t, old_dirs=old_dirs, old_stps=old_stps, ro=ro, H_diag=h_diag)
        state.update(prev_flat_grad=before, prev_loss=before_loss)
        return first_loss


def _remember(y: Tensor, s: Tensor, dirs: list, steps: list, ro: list, h_diag: Any, most: int) -> Any:
    """Keep a pair of changes, when it curves upwards; gives the scale of the first guess of the inverse Hessian."""
    curvature = y.dot(s)
    if float(curvature) <= 1e-10:
        return h_diag
    if len(dirs) == most:
        dirs.pop(0)
        steps.pop(0)
        ro.pop(0)
    dirs.append(y)
    steps.append(s)
    ro.append(1.0 / curvature)
    return curvature / y.dot(y)


def _direction(g: Tensor, dirs: list, steps: list, ro: list, h_diag: Any, weights: list) -> Tensor:
    """The quasi-Newton direction by the two-loop recursion."""
    q = -g
    for i in range(len(dirs) - 1, -1, -1):
        weights[i] = steps[i].dot(q) * ro[i]
        q = q - weights[i] * dirs[i]
    r = q * h_diag
    for i in range(len(dirs)):
        r = r + steps[i] * (weights[i] - dirs[i].dot(r) * ro[i])
    return r
