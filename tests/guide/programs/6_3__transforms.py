import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset
from torchvision import transforms


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


transform = transforms.Compose([
    transforms.Resize((256, 256)),
    transforms.RandomCrop((224, 224)),
    transforms.RandomHorizontalFlip(),
    transforms.ToTensor(),
    transforms.Normalize(mean=[0.5, 0.5, 0.5], std=[0.5, 0.5, 0.5])
])
pixels = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
picture = Image.fromarray(pixels)
torch.manual_seed(0)
resized = np.asarray(picture.resize((256, 256), Image.Resampling.BILINEAR)).transpose(2, 0, 1) / 255
resized = (resized - 0.5) / 0.5
places, flips = set(), 0
for _ in range(12):
    out = transform(picture)
    assert out.shape == (3, 224, 224) and out.dtype == torch.float32 and out.min() >= -1 and out.max() <= 1
    corner = None
    for flipped in (False, True):
        seen = out.numpy()[:, :, ::-1] if flipped else out.numpy()
        for top in range(33):
            for left in range(33):
                if abs(seen[0, 0, :4] - resized[0, top, left : left + 4]).max() < 1e-5:
                    if np.allclose(seen, resized[:, top : top + 224, left : left + 224], atol=1e-5):
                        corner = (top, left, flipped)
    assert corner is not None
    places.add(corner[:2])
    flips += corner[2]
assert len(places) > 6 and 1 <= flips <= 11

dataset = CustomDataset([picture], [7], transform=transform)
item = dataset[0]
assert item["data"].shape == (3, 224, 224) and item["label"] == 7
