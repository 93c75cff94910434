import torch
import torch.nn as nn


class CustomLoss(nn.Module):
    def __init__(self, weight):
        super(CustomLoss, self).__init__()
        self.weight = weight

    def forward(self, output, target):
        loss = torch.mean((output - target) ** 2)
        return self.weight * loss


x = torch.tensor([1.0, 3.0], requires_grad=True)
loss = CustomLoss(2.0)(x, torch.zeros(2))
assert loss.item() == 10
loss.backward()
assert x.grad.tolist() == [2, 6]
learned = CustomLoss(nn.Parameter(torch.tensor(2.0)))
learned(x.detach(), torch.zeros(2)).backward()
assert learned.weight.grad.item() == 5 and len(list(learned.parameters())) == 1
