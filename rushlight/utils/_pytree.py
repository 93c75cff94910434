"""`torch.utils._pytree`: nested containers, handed on from trees.py."""

PyTree = object
