import torch
import torch.nn as nn


class SimpleModel(nn.Module):
    def __init__(self):
        super(SimpleModel, self).__init__()
        self.fc = nn.Linear(10, 1)


torch.save(SimpleModel(), 'model.pth')
loaded_model = torch.load('model.pth', map_location=torch.device('cpu'))
assert next(loaded_model.parameters()).device == torch.device("cpu")
for place in ("cpu", {"cuda:0": "cpu"}, lambda storage, location: storage):
    assert isinstance(torch.load('model.pth', map_location=place), SimpleModel)
