"""`torch.utils.mobile_optimizer`: there is no mobile runtime here; a module stays what it is."""

from __future__ import annotations

from enum import Enum
from typing import Any


class LintCode(Enum):
    """What PyTorch's linter for mobile modules says."""

    BUNDLED_INPUT = 1
    REQUIRES_GRAD = 2
    DROPOUT = 3
    BATCHNORM = 4


def optimize_for_mobile(script_module: Any, *args: Any, **kwargs: Any) -> Any:
    """The module itself: save its state_dict() and load it where it is used."""
    return script_module


def generate_mobile_module_lints(script_module: Any) -> list[dict[str, str]]:
    """Parameters that still require grad, and layers that behave differently in training."""
    found = []
    for name, parameter in script_module.named_parameters():
        if parameter.requires_grad:
            found.append({"name": LintCode.REQUIRES_GRAD.name, "message": f"Param {name} requires grad"})
    for _, module in script_module.named_modules():
        kind = type(module).__name__
        for code in (LintCode.DROPOUT, LintCode.BATCHNORM):
            if code.name in kind.upper():
                found.append({"name": code.name, "message": f"{kind} exists; call eval() before saving"})
    return found
