import contextlib
import io

import torch
from torch.optim import lr_scheduler

optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.01)
text = io.StringIO()
with contextlib.redirect_stdout(text):
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, mode='min', factor=0.1, patience=5, verbose=True)
    for loss in (3.0, 2.0, 1.0):
        scheduler.step(loss)
    for bad in range(6):
        assert optimizer.param_groups[0]["lr"] == 0.01
        scheduler.step(1.5)
assert abs(optimizer.param_groups[0]["lr"] - 0.001) < 1e-12
assert scheduler.best == 1.0 and scheduler.num_bad_epochs == 0
assert text.getvalue() == "Epoch 00009: reducing learning rate of group 0 to 1.0000e-03.\n", text.getvalue()
