import numpy as np
import torch
import torch.nn as nn


class SimpleLayer(nn.Module):
    def __init__(self, input_size, output_size):
        super(SimpleLayer, self).__init__()
        self.linear = nn.Linear(input_size, output_size)
        self.relu = nn.ReLU()

    def forward(self, x):
        x = self.linear(x)
        x = self.relu(x)
        return x


class MLP(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super(MLP, self).__init__()
        self.layer1 = SimpleLayer(input_size, hidden_size)
        self.layer2 = SimpleLayer(hidden_size, output_size)

    def forward(self, x):
        x = self.layer1(x)
        x = self.layer2(x)
        return x


class ComplexModel(nn.Module):
    def __init__(self):
        super(ComplexModel, self).__init__()
        self.layer1 = SimpleLayer(10, 20)
        self.layer2 = MLP(20, 30, 5)

    def forward(self, x):
        x = self.layer1(x)
        x = self.layer2(x)
        return x


model = ComplexModel()
names = [name for name, _ in model.named_parameters()]
assert names == [
    "layer1.linear.weight", "layer1.linear.bias", "layer2.layer1.linear.weight", "layer2.layer1.linear.bias",
    "layer2.layer2.linear.weight", "layer2.layer2.linear.bias",
]
bound = 1 / np.sqrt(10)
weight = model.layer1.linear.weight.detach().numpy()
assert abs(weight).max() <= bound and abs(weight).max() > 0.9 * bound
x = np.random.default_rng(0).standard_normal((4, 10)).astype(np.float32)
h = x
for layer in (model.layer1, model.layer2.layer1, model.layer2.layer2):
    w, b = (p.detach().numpy() for p in layer.linear.parameters())
    h = np.maximum(h @ w.T + b, 0)
out = model(torch.from_numpy(x))
assert np.allclose(out.detach().numpy(), h, atol=1e-6) and (out >= 0).all()
out.sum().backward()
last = model.layer2.layer2.linear
assert np.allclose(last.bias.grad.numpy(), (h > 0).sum(0))
assert repr(SimpleLayer(2, 3)) == (
    "SimpleLayer(\n  (linear): Linear(in_features=2, out_features=3, bias=True)\n  (relu): ReLU()\n)"
)
