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



if __name__ == "__main__":
    data, labels = [torch.tensor([float(i)]) for i in range(10)], list(range(10))
    dataset = CustomDataset(data, labels)
    dataloader = DataLoader(dataset, batch_size=4)
    sizes, seen = [], []
    for batch in dataloader:
        inputs, labels_ = batch['data'], batch['label']
        sizes.append(len(inputs))
        seen += labels_.tolist()
    assert sizes == [4, 4, 2] and seen == labels
    again = [batch["label"].tolist() for batch in DataLoader(dataset, batch_size=4, num_workers=2)]
    assert again == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
