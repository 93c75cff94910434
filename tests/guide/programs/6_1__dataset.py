from torch.utils.data import Dataset


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


dataset = CustomDataset([1.0, 2.0, 3.0], [0, 1, 0], transform=lambda s: {**s, "data": s["data"] * 10})
assert len(dataset) == 3 and dataset[1] == {"data": 20.0, "label": 1}
