import warnings

import torch
import torch.optim as optim


class CustomOptimizer(optim.Optimizer):
    def __init__(self, params, lr=0.01):
        defaults = dict(lr=lr)
        super(CustomOptimizer, self).__init__(params, defaults)

    def step(self, closure=None):
        # 自定义的优化步骤
        ...


w = torch.ones(2, requires_grad=True)
optimizer = CustomOptimizer([w], lr=0.5)
assert optimizer.param_groups[0]["lr"] == 0.5 and optimizer.state == {}
w.sum().backward()
optimizer.step()
assert w.tolist() == [1, 1]
optimizer.zero_grad()
assert w.grad is None
assert optimizer.state_dict()["param_groups"][0]["params"] == [0]


class Signs(CustomOptimizer):
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                with torch.no_grad():
                    p.add_(p.grad.sign(), alpha=-group["lr"])


signs = Signs([w], lr=0.25)
scheduler = optim.lr_scheduler.StepLR(signs, 1, 0.5)
w.sum().backward()
signs.step()
scheduler.step()
assert w.tolist() == [0.75, 0.75] and signs.param_groups[0]["lr"] == 0.125
