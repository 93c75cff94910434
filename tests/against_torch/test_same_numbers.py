"""Same seed, same numbers: a CNN on digits, trained in PyTorch and here, step by step."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

torch = pytest.importorskip("torch")


def train(library, epochs=1):
    """(initial weights, batch order, losses of every step) of one library."""
    nn = library.nn
    data = load_digits()
    images = library.tensor((data.images[:, None] / 16).astype(np.float32))
    labels = library.tensor(data.target)
    library.manual_seed(7)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 9, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip
    initial = [p.detach().numpy().copy() for p in model.parameters()]
    optimizer = library.optim.Adam(model.parameters(), lr=1e-3)
    dataset = library.utils.data.TensorDataset(images, labels, library.arange(len(labels)))
    loader = library.utils.data.DataLoader(dataset, batch_size=64, shuffle=True)
    order, losses = [], []
    for _ in range(epochs):
        for x, y, index in loader:
            loss = nn.functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            order += index.tolist()
            losses.append(loss.item())
    return initial, order, losses


@pytest.mark.filterwarnings("ignore")
def test_a_cnn_on_digits():
    import rushlight.utils.data

    ours, theirs = train(rushlight), train(torch)
    for a, b in zip(ours[0], theirs[0]):
        np.testing.assert_array_equal(a, b)
    assert ours[1] == theirs[1]
    np.testing.assert_allclose(ours[2], theirs[2], rtol=1e-4)
