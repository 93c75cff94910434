import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits

model = nn.Linear(2, 1)
criterion = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
inputs, labels = torch.tensor([[1.0, 2.0], [3.0, -1.0]]), torch.tensor([[1.0], [0.0]])
w, b = model.weight.detach().numpy().copy(), model.bias.detach().numpy().copy()

output = model(inputs)
loss = criterion(output, labels)

optimizer.zero_grad()
loss.backward()
optimizer.step()

x, y = inputs.numpy(), labels.numpy()
away = 2 * (x @ w.T + b - y) / 2
assert np.allclose(model.weight.detach().numpy(), w - 0.1 * away.T @ x, atol=1e-6)
assert np.allclose(model.bias.detach().numpy(), b - 0.1 * away.sum(0), atol=1e-6)

digits = load_digits()
inputs, labels = torch.tensor(digits.data / 16, dtype=torch.float32), torch.tensor(digits.target)
model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
losses = []
for _ in range(30):
    output = model(inputs)
    loss = criterion(output, labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
assert losses[-1] < 0.5 * losses[0]
