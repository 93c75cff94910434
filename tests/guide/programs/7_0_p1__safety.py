import os
import pickle

import torch


class Attack:
    def __reduce__(self):
        return os.system, ("touch attacked",)


with open("hostile.pth", "wb") as file:
    pickle.dump(Attack(), file)
torch.save({"a": torch.ones(1)}, "good.pth")
with open("good.pth", "rb") as file:
    good = file.read()
with open("junk.pth", "wb") as file:
    file.write(b"no checkpoint at all")
with open("short.pth", "wb") as file:
    file.write(good[: len(good) // 2])
for name in ("hostile.pth", "junk.pth", "short.pth"):
    try:
        torch.load(name)
    except Exception as error:
        assert not isinstance(error, FileNotFoundError)
    else:
        raise AssertionError(f"{name} has to be refused")
assert not os.path.exists("attacked")
try:
    torch.load("nowhere.pth")
except FileNotFoundError:
    pass
else:
    raise AssertionError("a missing file is FileNotFoundError")
