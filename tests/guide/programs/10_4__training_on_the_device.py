import numpy as np
import torch
import torch.nn as nn

device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
model = nn.Linear(3, 2).to(device)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
x, y = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32), np.array([0, 1, 1, 0, 1])
inputs, labels = torch.from_numpy(x).to(device), torch.from_numpy(y).to(device)
w, b = model.weight.detach().cpu().numpy().copy(), model.bias.detach().cpu().numpy().copy()
outputs = model(inputs)
loss = criterion(outputs, labels)

optimizer.zero_grad()
loss.backward()
optimizer.step()
z = x @ w.T + b
p = np.exp(z - z.max(1, keepdims=True))
p /= p.sum(1, keepdims=True)
g = (p - np.eye(2)[y]) / 5
assert np.allclose(model.weight.detach().cpu().numpy(), w - 0.1 * g.T @ x, atol=1e-6)
assert np.allclose(model.bias.detach().cpu().numpy(), b - 0.1 * g.sum(0), atol=1e-6)
