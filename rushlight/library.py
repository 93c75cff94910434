"""`torch.library`: operators are not registered; calling says what to use."""

from .absent import absent_class, absent_function

_INSTEAD = "there is no dispatcher; write the function in Python, with torch.autograd.Function for a gradient of its own"

Library = absent_class("library.Library", _INSTEAD)
custom_op = absent_function("library.custom_op", _INSTEAD)
define = absent_function("library.define", _INSTEAD)
impl = absent_function("library.impl", _INSTEAD)
register_autograd = absent_function("library.register_autograd", _INSTEAD)
register_fake = absent_function("library.register_fake", _INSTEAD)
register_kernel = absent_function("library.register_kernel", _INSTEAD)
impl_abstract = absent_function("library.impl_abstract", _INSTEAD)
register_vmap = absent_function("library.register_vmap", _INSTEAD)
triton_op = absent_function("library.triton_op", _INSTEAD)
wrap_triton = absent_function("library.wrap_triton", _INSTEAD)
get_ctx = absent_function("library.get_ctx", _INSTEAD)
opcheck = absent_function("library.opcheck", _INSTEAD)
