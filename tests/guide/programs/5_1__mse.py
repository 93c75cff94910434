import torch
import torch.nn as nn

criterion = nn.MSELoss()
x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
y = torch.tensor([0.0, 2.0, 5.0])
loss = criterion(x, y)
assert abs(loss.item() - 5 / 3) < 1e-6
loss.backward()
assert torch.allclose(x.grad, torch.tensor([2 / 3, 0.0, -4 / 3]))
assert nn.MSELoss(reduction="sum")(x, y).item() == 5
assert nn.MSELoss(reduction="none")(x, y).tolist() == [1, 0, 4]
