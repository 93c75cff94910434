import contextlib
import io

import torch
import torch.optim as optim

x = torch.tensor([1.0, 2.0], requires_grad=True)
optimizer = optim.SGD([x], lr=0.01)
for _ in range(100):
    y = x + 2
    loss = y[0] * y[1]
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
text = io.StringIO()
with contextlib.redirect_stdout(text):
    print(x)
assert text.getvalue() == "tensor([-2.0713,  0.6335], requires_grad=True)\n", text.getvalue()
