import math
import warnings

import torch
from torch.optim import lr_scheduler

warnings.simplefilter("ignore")


def rates(make, epochs):
    optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.1)
    scheduler = make(optimizer)
    found = []
    for _ in range(epochs):
        found.append(optimizer.param_groups[0]["lr"])
        scheduler.step()
    return found


def close(a, b):
    return all(abs(x - y) < 1e-9 for x, y in zip(a, b))


multi = rates(lambda o: lr_scheduler.MultiStepLR(o, milestones=[10, 20, 30], gamma=0.1), 40)
assert close(multi, [0.1 * 0.1 ** sum(e >= m for m in (10, 20, 30)) for e in range(40)])
assert close(rates(lambda o: lr_scheduler.ExponentialLR(o, gamma=0.9), 20), [0.1 * 0.9**e for e in range(20)])
cosine = rates(lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=10), 21)
assert close(cosine, [0.05 * (1 + math.cos(math.pi * e / 10)) for e in range(21)])
low = rates(lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=10, eta_min=0.02), 11)
assert abs(low[10] - 0.02) < 1e-12
assert close(rates(lambda o: lr_scheduler.LambdaLR(o, lr_lambda=lambda epoch: 0.95 ** epoch), 20), [0.1 * 0.95**e for e in range(20)])
assert close(rates(lambda o: lr_scheduler.LambdaLR(o, lr_lambda=[lambda epoch: 1 / (epoch + 1)]), 5), [0.1 / (e + 1) for e in range(5)])
