import contextlib
import io

import torch

x = torch.tensor([1.0, 2.0], requires_grad=True)
y = x + 2
z = y * y * 3
out = z.mean()
out.backward()
text = io.StringIO()
with contextlib.redirect_stdout(text):
    print(x.grad)
assert text.getvalue() == "tensor([ 9., 12.])\n"
try:
    out.backward()
except RuntimeError as error:
    assert "second time" in str(error)
else:
    raise AssertionError("a second backward has to be refused")
(x * 1).sum().backward()
assert x.grad.tolist() == [10, 13]
try:
    (x * 2).backward()
except RuntimeError as error:
    assert "scalar" in str(error)
else:
    raise AssertionError("backward of two numbers has to be refused")
