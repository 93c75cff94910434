import numpy as np
import torch
import torch.optim as optim


def steps(make, g, count=3):
    w = torch.tensor([1.0, -2.0], dtype=torch.float64, requires_grad=True)
    optimizer = make([w])
    for _ in range(count):
        w.grad = torch.tensor(g, dtype=torch.float64)
        optimizer.step()
    return w.detach().numpy()


g = np.array([0.5, -3.0])
w = np.array([1.0, -2.0])
assert np.allclose(steps(lambda p: optim.SGD(p, lr=0.01), g), w - 3 * 0.01 * g)

m, v, a = np.zeros(2), np.zeros(2), w.copy()
for t in (1, 2, 3):
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
    a = a - 0.001 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
assert np.allclose(steps(lambda p: optim.Adam(p, lr=0.001), g), a)

v, r = np.zeros(2), w.copy()
for _ in range(3):
    v = 0.99 * v + 0.01 * g * g
    r = r - 0.001 * g / (np.sqrt(v) + 1e-8)
assert np.allclose(steps(lambda p: optim.RMSprop(p, lr=0.001), g), r)

for wrong in (lambda: optim.SGD([], lr=0.1), lambda: optim.Adam([torch.ones(1)], lr=-1.0)):
    try:
        wrong()
    except ValueError:
        pass
    else:
        raise AssertionError("an empty list and a negative rate have to be refused")
