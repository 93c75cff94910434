"""Twenty lines of public behaviour, a second to run."""

import rushlight as torch


def test_a_training_loop():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    x = torch.randn(64, 2)
    y = x.prod(1, keepdim=True)
    losses = []
    for _ in range(100):
        loss = torch.nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


def test_views_share_memory_and_gradients():
    x = torch.zeros(2, 3)
    x[0].add_(1)
    assert x.tolist() == [[1, 1, 1], [0, 0, 0]]
    w = torch.ones(3, requires_grad=True)
    (w * torch.arange(3.0))[1:].sum().backward()
    assert w.grad.tolist() == [0, 1, 2]


def test_text():
    assert repr(torch.tensor([1.0, 2.5])) == "tensor([1.0000, 2.5000])"
