import numpy as np
from PIL import Image
from torchvision import transforms

preprocess = transforms.Compose([
    transforms.Resize(256),
    transforms.CenterCrop(224),
    transforms.ToTensor(),
    transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])
])
rng = np.random.default_rng(0)
for width, height in ((300, 260), (260, 300), (256, 256), (9, 7)):
    picture = Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
    small = min(width, height)
    new = (int(256 * width / small), int(256 * height / small))
    resized = np.asarray(picture.resize(new, Image.Resampling.BILINEAR)).astype(np.float64) / 255
    top, left = round((new[1] - 224) / 2.0), round((new[0] - 224) / 2.0)
    expected = resized[top : top + 224, left : left + 224].transpose(2, 0, 1)
    mean, std = (np.array(v).reshape(3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    assert np.allclose(preprocess(picture).numpy(), (expected - mean) / std, atol=1e-5), (width, height)
