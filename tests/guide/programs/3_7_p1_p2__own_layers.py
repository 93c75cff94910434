import torch
import torch.nn as nn


class Scale(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(n))
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x):
        self.seen += 1
        return torch.tanh(x * self.scale)


model = nn.Sequential(Scale(3), nn.Linear(3, 1))
nn.init.constant_(model[1].weight, 0.5)
nn.init.zeros_(model[1].bias)
assert [n for n, _ in model.named_parameters()] == ["0.scale", "1.weight", "1.bias"]
assert "0.seen" in model.state_dict() and not model.state_dict()["0.seen"].requires_grad
before = model[0].scale.detach().clone()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
model(torch.ones(2, 3)).sum().backward()
optimizer.step()
assert not torch.equal(before, model[0].scale) and model[0].seen == 1


class Nothing(nn.Module):
    pass


try:
    Nothing()(1)
except NotImplementedError as error:
    assert "Nothing" in str(error) or "forward" in str(error)
else:
    raise AssertionError("a module without forward has to be refused")


class Early(nn.Module):
    def __init__(self):
        self.layer = nn.Linear(1, 1)


try:
    Early()
except AttributeError as error:
    assert "before Module.__init__() call" in str(error)
else:
    raise AssertionError("a layer before super().__init__() has to be refused")
