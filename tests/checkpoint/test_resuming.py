"""Three steps, a checkpoint and four more are the same as seven, to the last bit."""

import pytest

import rushlight as torch
from rushlight import nn


class Run:
    def __init__(self, optimizer):
        torch.manual_seed(0)
        self.model = nn.Sequential(
            nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.ReLU(), nn.Linear(8, 2)
        )
        self.optimizer = getattr(torch.optim, optimizer)(self.model.parameters(), lr=0.05)
        self.scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, 7)

    def steps(self, count):
        for _ in range(count):
            self.optimizer.zero_grad()
            self.model(torch.randn(16, 4)).square().mean().backward()
            self.optimizer.step()
            self.scheduler.step()

    def state(self):
        parts = {name: getattr(self, name).state_dict() for name in ("model", "optimizer", "scheduler")}
        return {**parts, "rng": torch.get_rng_state(), "step": 3}

    def resume(self, state):
        for name in ("model", "optimizer", "scheduler"):
            getattr(self, name).load_state_dict(state[name])
        torch.set_rng_state(state["rng"])


@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "AdamW", "RMSprop"])
def test_resuming_is_exact(optimizer, tmp_path):
    path = tmp_path / "checkpoint.pt"
    whole = Run(optimizer)
    whole.steps(7)
    first = Run(optimizer)
    first.steps(3)
    torch.save(first.state(), path)
    second = Run(optimizer)
    second.resume(torch.load(path))
    second.steps(4)
    for a, b in zip(whole.model.state_dict().values(), second.model.state_dict().values()):
        assert torch.equal(a, b)
    assert second.scheduler.get_last_lr() == whole.scheduler.get_last_lr()


def test_a_whole_model_goes_on_where_it_was(tmp_path):
    whole = Run("Adam")
    whole.steps(2)
    torch.save(whole.model, tmp_path / "model.pth")
    loaded = torch.load(tmp_path / "model.pth")
    x = torch.randn(5, 4)
    assert torch.equal(whole.model.eval()(x), loaded.eval()(x))
