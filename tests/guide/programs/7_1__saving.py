import os

import torch
import torch.nn as nn


class SimpleModel(nn.Module):
    def __init__(self):
        super(SimpleModel, self).__init__()
        self.fc = nn.Linear(10, 1)


model = SimpleModel()
model.register_buffer("seen", torch.tensor(3))
model.note = "plain"
torch.save(model.state_dict(), 'model_state.pth')
torch.save(model, 'model.pth')
assert os.path.getsize('model_state.pth') > 0 and os.path.getsize('model.pth') > 0
state = torch.load('model_state.pth')
assert list(state) == ["fc.weight", "fc.bias", "seen"] or list(state) == ["seen", "fc.weight", "fc.bias"]
assert state["seen"] == 3
whole = torch.load('model.pth')
assert whole.note == "plain" and whole.seen == 3
try:
    whole(torch.ones(1, 10))
except NotImplementedError:
    pass
else:
    raise AssertionError("this model has no forward")
