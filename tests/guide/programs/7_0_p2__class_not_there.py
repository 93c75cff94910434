import torch
import torch.nn as nn


class Gone(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 2)


torch.save(Gone(), "model.pth")
assert isinstance(torch.load("model.pth"), Gone)
del Gone
try:
    torch.load("model.pth")
except Exception as error:
    assert "Gone" in str(error)
else:
    raise AssertionError("a class that is not there has to be refused")
