import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset


class CustomDataset(Dataset):
    def __init__(self, data, labels, transform=None):
        self.data = data
        self.labels = labels
        self.transform = transform

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        sample = {'data': self.data[idx], 'label': self.labels[idx]}

        if self.transform:
            sample = self.transform(sample)

        return sample


data = np.arange(130 * 3, dtype=np.float32).reshape(130, 3)
labels = list(range(130))
dataset = CustomDataset(data, labels)
dataloader = DataLoader(dataset, batch_size=64, shuffle=True)
assert len(dataloader) == 3


def epoch():
    return [int(i) for batch in dataloader for i in batch["label"]]


torch.manual_seed(0)
first, second = epoch(), epoch()
assert sorted(first) == labels and sorted(second) == labels and first != second and first != labels
torch.manual_seed(0)
assert epoch() == first
batch = next(iter(dataloader))
assert batch["data"].shape == (64, 3) and batch["data"].dtype == torch.float32 and batch["label"].dtype == torch.int64
assert len(DataLoader(dataset, batch_size=64, drop_last=True)) == 2
words = next(iter(DataLoader(CustomDataset([1.5, 2.5], ["a", "b"]), batch_size=2)))
assert words["label"] == ["a", "b"] and words["data"].dtype == torch.float64
