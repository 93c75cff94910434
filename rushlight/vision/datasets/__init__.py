"""Picture datasets: readers for files that are on disk, folders of pictures, and two sets that need no files.

Nothing is downloaded: `download=True` is accepted, does nothing where the files are in place, and otherwise
raises an error that says which files to put where. The layouts on disk are torchvision's.

Source: torchvision.datasets
"""

from . import utils
from .cifar import CIFAR10, CIFAR100
from .digits import Digits
from .fakedata import FakeData
from .folder import DatasetFolder, ImageFolder
from .mnist import EMNIST, KMNIST, MNIST, QMNIST, FashionMNIST
from .stl10 import STL10
from .svhn import SVHN
from .vision import VisionDataset
