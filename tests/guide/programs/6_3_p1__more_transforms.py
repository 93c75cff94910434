import numpy as np
import torch
from PIL import Image
from torchvision import transforms

pixels = np.arange(4 * 4 * 3, dtype=np.uint8).reshape(4, 4, 3)
picture = Image.fromarray(pixels)


def array(x):
    return np.asarray(x)


assert (array(transforms.RandomVerticalFlip(p=1.0)(picture)) == pixels[::-1]).all()
assert (array(transforms.RandomVerticalFlip(p=0.0)(picture)) == pixels).all()
assert (array(transforms.RandomHorizontalFlip(p=1.0)(picture)) == pixels[:, ::-1]).all()
assert (array(transforms.RandomRotation((90, 90))(picture)) == np.rot90(pixels)).all()
assert (array(transforms.CenterCrop(2)(picture)) == pixels[1:3, 1:3]).all()
assert array(transforms.Grayscale()(picture)).shape == (4, 4)
assert (array(transforms.ToPILImage()(transforms.ToTensor()(picture))) == pixels).all()
assert transforms.Lambda(lambda x: x.size)(picture) == (4, 4)
assert torch.equal(transforms.ToTensor()(picture), torch.tensor(pixels).permute(2, 0, 1) / 255)
try:
    transforms.RandomCrop(9)(picture)
except ValueError as error:
    assert "9" in str(error) and "4" in str(error)
else:
    raise AssertionError("a crop larger than the picture has to be refused")
