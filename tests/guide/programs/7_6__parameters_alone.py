import torch
import torch.nn as nn


class SimpleModel(nn.Module):
    def __init__(self):
        super(SimpleModel, self).__init__()
        self.fc = nn.Linear(10, 1)


model = SimpleModel()
torch.save(model.state_dict(), 'model_parameters.pth')
loaded_parameters = torch.load('model_parameters.pth')
model.load_state_dict(loaded_parameters)
assert list(loaded_parameters) == ["fc.weight", "fc.bias"]
del loaded_parameters["fc.bias"]
loaded_parameters["more"] = torch.ones(1)
found = model.load_state_dict(loaded_parameters, strict=False)
assert found.missing_keys == ["fc.bias"] and found.unexpected_keys == ["more"]
