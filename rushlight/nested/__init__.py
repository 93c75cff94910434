"""`torch.nested`: not supported; calling says what to use."""

from ..absent import absent_function

_INSTEAD = "tensors of unequal rows are not supported; use torch.nn.utils.rnn.pad_sequence and a mask"

nested_tensor = absent_function("nested.nested_tensor", _INSTEAD)
as_nested_tensor = absent_function("nested.as_nested_tensor", _INSTEAD)
to_padded_tensor = absent_function("nested.to_padded_tensor", _INSTEAD)
nested_tensor_from_jagged = absent_function("nested.nested_tensor_from_jagged", _INSTEAD)
narrow = absent_function("nested.narrow", _INSTEAD)
masked_select = absent_function("nested.masked_select", _INSTEAD)
