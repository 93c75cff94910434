"""What is compiled when sizes change: kernels of the first few, and then nothing more."""

import random

import pytest

import rushlight as torch
from rushlight import nn, settings
from rushlight.executors import queue
from rushlight.executors.cpu import costs, target, tiers
from rushlight.nn import functional as F


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = (
            z.view(b, t, self.heads, d // self.heads).transpose(1, 2)
            for z in self.qkv(self.before(x)).split(d, 2)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(b, t, d))
        return x + self.down(F.gelu(self.up(self.between(x))))


class GPT(nn.Module):
    def __init__(self, words=31, width=32, longest=100):
        super().__init__()
        self.word, self.place = nn.Embedding(words, width), nn.Embedding(longest, width)
        self.block, self.head = Block(width, 2), nn.Linear(width, words, bias=False)

    def forward(self, x):
        return self.head(self.block(self.word(x) + self.place(torch.arange(x.shape[1])))).flatten(0, 1)


class Reader(nn.Module):
    def __init__(self, words=31, width=16):
        super().__init__()
        self.word, self.lstm = nn.Embedding(words, width), nn.LSTM(width, width, batch_first=True)
        self.head = nn.Linear(width, words)

    def forward(self, x):
        return self.head(self.lstm(self.word(x))[0]).flatten(0, 1)


def text(length):
    return torch.randint(0, 31, (3, length)), torch.randint(0, 31, (3 * length,))


def small_cnn():
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 32, 3), nn.BatchNorm2d(32), nn.ReLU(),
        nn.MaxPool2d(2), nn.Dropout(0.1), nn.Flatten(), nn.Linear(32 * 25, 10),
    )  # fmt: skip


def pictures(count):
    return torch.randn(count, 3, 12, 12), torch.randint(0, 10, (count,))


def small_mlp():
    return nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 10))


def rows(count):
    return torch.randn(count, 20), torch.randint(0, 10, (count,))


@pytest.fixture(autouse=True)
def fresh(tmp_path, monkeypatch):
    """A process that knows no kernel, an empty folder, and every graph worth preparing."""
    monkeypatch.setattr(settings, "EXECUTOR", "auto")
    monkeypatch.setattr(settings, "VERIFY", False)
    monkeypatch.setattr(target, "folder", lambda: tmp_path)
    monkeypatch.setattr(target, "_loaded", {})
    monkeypatch.setattr(target, "_keys", {})
    monkeypatch.setattr(costs, "of_reference", lambda order: 100.0)
    monkeypatch.setattr(queue, "_programs", {})
    torch.manual_seed(0)


def training(model, make, sizes):
    """How many kernels each step compiled, in order of the sizes; every step has run natively."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    problems = len(tiers.problems)
    counts = []
    for size in sizes:
        before = target.Counters.compiled
        inputs, labels = make(size)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
        assert 0 < loss.item() < 10
        counts.append(target.Counters.compiled - before)
        assert all(program.native is not None for program in queue._programs.values())
    assert len(tiers.problems) == problems
    return counts


def test_a_hundred_lengths_of_a_gpt():
    rng = random.Random(1)
    lengths = [rng.randint(4, 100) for _ in range(100)]
    counts = training(GPT(), text, lengths)
    first = list(dict.fromkeys(lengths))[:3]
    later = max(lengths.index(length) for length in first) + 1
    assert counts[0] > 10 and sum(counts[later:]) == 0


def test_lengths_of_an_lstm():
    counts = training(Reader(), text, [7, 9, 4, 12, 5, 10, 6])
    assert counts[0] > 5 and sum(counts[3:]) == 0


@pytest.mark.parametrize("model, make", [(small_mlp, rows), (small_cnn, pictures)])
def test_a_short_last_batch(model, make):
    """Two epochs whose last batch is short, then one whose last batch has yet another size."""
    counts = training(model(), make, [16, 16, 16, 7, 16, 16, 16, 7, 16, 16, 5])
    assert counts[0] and [i for i, count in enumerate(counts) if count] in ([0, 1], [0, 1, 3])
