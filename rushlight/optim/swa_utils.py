"""torch.optim.swa_utils: averages of a model's parameters over training, and what goes with them.

AveragedModel keeps the average (stochastic weight averaging, or an exponential moving average), SWALR is the
schedule used with it, update_bn measures batch-norm statistics anew for averaged weights. The averages
of one tensor (`*_avg_fn`) return a new value; those of a list (`*_multi_avg_fn`) write into it.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

from .. import functions as fn
from .. import nn
from ..autograd.modes import no_grad
from ..dtypes import int64
from ..tensor import Tensor
from .optimizer import Optimizer
from .schedules.base import LRScheduler, _warn_get_lr_called_within_step, one_per_group

__all__ = [
    "AveragedModel",
    "SWALR",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]

AverageOne = Callable[[Tensor, Tensor, "Tensor | int"], Tensor]
AverageMany = Callable[["list[Tensor]", "list[Tensor]", "Tensor | int"], None]


def get_ema_multi_avg_fn(decay: float = 0.999) -> AverageMany:
    """A function that moves each average by (1 - decay) of the way to its parameter, in place.

    Raises:
        ValueError: `decay` outside [0, 1].
    Source: torch.optim.swa_utils.get_ema_multi_avg_fn
    Example:
        >>> import rushlight as torch
        >>> average = [torch.zeros(2)]
        >>> torch.optim.swa_utils.get_ema_multi_avg_fn(0.75)(average, [torch.ones(2)], 1)
        >>> average
        [tensor([0.2500, 0.2500])]
    """
    _check_decay(decay)

    @no_grad()
    def ema_update(averages: list[Tensor], parameters: list[Tensor], _: Tensor | int) -> None:
        for average, parameter in zip(averages, parameters, strict=True):
            if _is_continuous(average):
                average.lerp_(parameter, 1 - decay)
            else:
                average.copy_(average * decay + parameter * (1 - decay))

    return ema_update


def get_swa_multi_avg_fn() -> AverageMany:
    """A function that takes each parameter into its average of `num_averaged` models so far, in place.

    Source: torch.optim.swa_utils.get_swa_multi_avg_fn
    Example:
        >>> import rushlight as torch
        >>> average = [torch.zeros(2)]
        >>> torch.optim.swa_utils.get_swa_multi_avg_fn()(average, [torch.ones(2)], 3)
        >>> average
        [tensor([0.2500, 0.2500])]
    """

    @no_grad()
    def swa_update(averages: list[Tensor], parameters: list[Tensor], num_averaged: Tensor | int) -> None:
        share = float(1 / (num_averaged + 1))
        for average, parameter in zip(averages, parameters, strict=True):
            if _is_continuous(average):
                average.lerp_(parameter, share)
            else:
                average.copy_(average + (parameter - average) * share)

    return swa_update


def get_ema_avg_fn(decay: float = 0.999) -> AverageOne:
    """A function that returns decay · average + (1 - decay) · parameter.

    Raises:
        ValueError: `decay` outside [0, 1].
    Source: torch.optim.swa_utils.get_ema_avg_fn
    Example:
        >>> import rushlight as torch
        >>> torch.optim.swa_utils.get_ema_avg_fn(0.75)(torch.zeros(2), torch.ones(2), 1)
        tensor([0.2500, 0.2500])
    """
    _check_decay(decay)

    @no_grad()
    def ema_update(average: Tensor, parameter: Tensor, num_averaged: Tensor | int) -> Tensor:
        return decay * average + (1 - decay) * parameter

    return ema_update


def get_swa_avg_fn() -> AverageOne:
    """A function that returns the average of one model more than `num_averaged`.

    Source: torch.optim.swa_utils.get_swa_avg_fn
    Example:
        >>> import rushlight as torch
        >>> torch.optim.swa_utils.get_swa_avg_fn()(torch.zeros(2), torch.ones(2), 3)
        tensor([0.2500, 0.2500])
    """

    @no_grad()
    def swa_update(average: Tensor, parameter: Tensor, num_averaged: Tensor | int) -> Tensor:
        return average + (parameter - average) / (num_averaged + 1)

    return swa_update


class AveragedModel(nn.Module):
    """A copy of a model whose parameters are averages of the model's, over the calls of `update_parameters`.

    The first call copies; later ones average. Without an averaging function every model counts the same
    (SWA).

    Args:
        model: the Module to average; it is copied.
        device: where the average is kept; where the model is if None.
        avg_fn: (average, parameter, number averaged) -> new average.
        multi_avg_fn: (averages, parameters, number averaged), which writes into the averages; called
            once for each device and dtype.
        use_buffers: average the buffers too. Otherwise they are copied from the model at each update.
    Raises:
        AssertionError: both functions given.
    Source: torch.optim.swa_utils.AveragedModel; Izmailov et al. 2018, Averaging weights leads to wider
        optima.
    Example:
        >>> import rushlight as torch
        >>> model = torch.nn.Linear(1, 1, bias=False)
        >>> average = torch.optim.swa_utils.AveragedModel(model)
        >>> for value in [1.0, 2.0, 6.0]:
        ...     _ = torch.nn.init.constant_(model.weight, value)
        ...     average.update_parameters(model)
        >>> average.module.weight.item(), average.n_averaged.item()
        (3.0, 3)
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: nn.Module,
        device: Any = None,
        avg_fn: AverageOne | None = None,
        multi_avg_fn: AverageMany | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", fn.tensor(0, dtype=int64, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The averaged model's output."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: nn.Module) -> None:
        """Take the present parameters of `model` into the average."""
        pairs = self._pairs(model)
        if int(self.n_averaged) == 0:
            for average, parameter in pairs:
                average.copy_(parameter)
        elif self.avg_fn is not None:
            self._update_one_by_one(pairs, self.avg_fn)
        elif self.multi_avg_fn is not None:
            self._update_in_groups(pairs, self.multi_avg_fn)
        else:
            self._update_one_by_one(pairs, get_swa_avg_fn())
        if not self.use_buffers:
            for average, buffer in zip(self.module.buffers(), model.buffers(), strict=True):
                average.detach().copy_(buffer.detach().to(average.device))
        self.n_averaged += 1

    def _pairs(self, model: nn.Module) -> list[tuple[Tensor, Tensor]]:
        pairs = zip(self._averaged_tensors(self.module), self._averaged_tensors(model), strict=False)
        return [(average.detach(), value.detach().to(average.device)) for average, value in pairs]

    def _averaged_tensors(self, module: nn.Module) -> Iterable[Tensor]:
        if self.use_buffers:
            return chain(module.parameters(), module.buffers())
        return module.parameters()

    def _update_one_by_one(self, pairs: list[tuple[Tensor, Tensor]], average_of: AverageOne) -> None:
        for average, parameter in pairs:
            average.copy_(average_of(average, parameter, self.n_averaged.to(average.device)))

    def _update_in_groups(self, pairs: list[tuple[Tensor, Tensor]], update: AverageMany) -> None:
        groups: dict[Any, tuple[list[Tensor], list[Tensor]]] = {}
        for average, parameter in pairs:
            averages, parameters = groups.setdefault((average.device, average.dtype), ([], []))
            averages.append(average)
            parameters.append(parameter)
        for (device, _), (averages, parameters) in groups.items():
            update(averages, parameters, self.n_averaged.to(device))


@no_grad()
def update_bn(loader: Iterable[Any], model: nn.Module, device: Any = None) -> None:
    """Measure the running mean and variance of the model's batch norms anew, by one pass over `loader`.

    Every batch counts the same. A model without batch norm is left alone, and nothing is read.

    Args:
        loader: batches: inputs, or lists and tuples whose first item is the input.
        model: the Module; its training mode is kept.
        device: where inputs are moved first.
    Source: torch.optim.swa_utils.update_bn
    Example:
        >>> import rushlight as torch
        >>> model = torch.nn.BatchNorm1d(1)
        >>> torch.optim.swa_utils.update_bn([torch.tensor([[1.0], [3.0]])], model)
        >>> model.running_mean
        tensor([2.])
    """
    norms = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    was_training = model.training
    model.train()
    for norm in norms:
        norm.reset_running_stats()
        # None stands for a plain average over the batches.
        norm.momentum = None
    try:
        for batch in loader:
            inputs = batch[0] if isinstance(batch, (list, tuple)) else batch
            model(inputs if device is None else inputs.to(device))
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        model.train(was_training)


class SWALR(LRScheduler):
    """The rate goes to `swa_lr` within `anneal_epochs` epochs, then stays there.

    Args:
        optimizer: the Optimizer whose rates are set.
        swa_lr: the rate at the end; a number, or a list with one for each parameter group.
        anneal_epochs: epochs of the way, an int, 0 or more.
        anneal_strategy: 'cos' or 'linear'.
        last_epoch: index of the last epoch; -1 starts afresh.
    Raises:
        ValueError: another strategy; `anneal_epochs` of another kind; a list of the wrong length.
    Source: torch.optim.swa_utils.SWALR
    Example:
        >>> import rushlight as torch
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        >>> schedule = torch.optim.swa_utils.SWALR(optimizer, 0.5, anneal_epochs=2, anneal_strategy="linear")
        >>> optimizer.step()
        >>> schedule.step()
        >>> schedule.get_last_lr()
        [0.75]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        for group, rate in zip(
            optimizer.param_groups, one_per_group("swa_lr", optimizer, swa_lr), strict=True
        ):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def anneal_func(self, t: float) -> float:
        """The share of the way that has been gone after the share `t` of the epochs."""
        if self._anneal_strategy == "linear":
            return t
        return (1 - math.cos(math.pi * t)) / 2

    def get_lr(self) -> list[float | Tensor]:
        """The present rates, one step further."""
        _warn_get_lr_called_within_step(self)
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before = self._share(step - 1)
        now = self._share(step)
        return [_moved(group["lr"], group["swa_lr"], before, now) for group in self.optimizer.param_groups]

    def _share(self, step: int) -> float:
        return self.anneal_func(max(0, min(1, step / max(1, self.anneal_epochs))))


def _moved(rate: Any, end: Any, before: float, now: float) -> Any:
    """The rate at the share `now` of the way to `end`, from the one at the share `before`."""
    # Where it started follows from where it is; at the end of the way, from nothing, and it does not matter.
    start = end if before == 1 else (rate - before * end) / (1 - before)
    return end * now + start * (1 - now)


def _is_continuous(tensor: Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


def _check_decay(decay: float) -> None:
    if decay < 0.0 or decay > 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")
