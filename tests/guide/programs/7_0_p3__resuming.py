import torch
import torch.nn as nn


def make():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
    return model, optimizer, scheduler


def train(model, optimizer, scheduler, steps):
    x = torch.linspace(-1, 1, 12).reshape(3, 4)
    for _ in range(steps):
        loss = (model(x) ** 2).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()


straight = make()
train(*straight, 7)
first = make()
train(*first, 3)
torch.save({name: part.state_dict() for name, part in zip(("model", "optimizer", "scheduler"), first)}, "resume.pth")
second = make()
held = torch.load("resume.pth")
for name, part in zip(("model", "optimizer", "scheduler"), second):
    part.load_state_dict(held[name])
train(*second, 4)
for a, b in zip(straight[0].parameters(), second[0].parameters()):
    assert torch.equal(a, b)
assert straight[2].get_last_lr() == second[2].get_last_lr()
