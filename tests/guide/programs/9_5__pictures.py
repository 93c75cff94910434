import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import torch
from sklearn.metrics import auc, roc_curve

torch.manual_seed(0)
plt.plot(torch.arange(4), torch.rand(4))
plt.bar(torch.arange(3), torch.tensor([1.0, 2.0, 3.0]))
plt.imshow(torch.rand(5, 5))
scores, labels = torch.rand(40), torch.randint(0, 2, (40,))
fpr, tpr, _ = roc_curve(labels, scores)
positive, negative = scores[labels == 1], scores[labels == 0]
pairs = (positive[:, None] > negative[None, :]).float().mean().item()
assert abs(auc(fpr, tpr) - pairs) < 1e-6
losses = []
w = torch.ones(2, requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.1)
for _ in range(10):
    loss = (w * w).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.detach())
(line,) = plt.plot(losses)
assert line.get_ydata()[0] > line.get_ydata()[-1]
plt.savefig("curves.png")
