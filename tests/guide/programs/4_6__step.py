import torch
import torch.optim as optim

w = torch.tensor([1.0, 2.0], requires_grad=True)
optimizer = optim.SGD([w], lr=0.1)
loss = (w * torch.tensor([3.0, 4.0])).sum()
loss.backward()
optimizer.step()
assert torch.allclose(w, torch.tensor([0.7, 1.6])) and w.is_leaf and w.requires_grad
