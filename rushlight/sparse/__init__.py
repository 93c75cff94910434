"""`torch.sparse`: not supported; calling says what to use."""

from ..absent import absent_class, absent_function

_INSTEAD = "tensors are dense here; use x.to_dense() values with torch.matmul, index_add or scatter"

FloatTensor = absent_class("sparse.FloatTensor", _INSTEAD)
LongTensor = absent_class("sparse.LongTensor", _INSTEAD)
DoubleTensor = absent_class("sparse.DoubleTensor", _INSTEAD)
SparseSemiStructuredTensor = absent_class("sparse.SparseSemiStructuredTensor", _INSTEAD)
mm = absent_function("sparse.mm", _INSTEAD)
addmm = absent_function("sparse.addmm", _INSTEAD)
sampled_addmm = absent_function("sparse.sampled_addmm", _INSTEAD)
sum = absent_function("sparse.sum", _INSTEAD)
softmax = absent_function("sparse.softmax", _INSTEAD)
log_softmax = absent_function("sparse.log_softmax", _INSTEAD)
spdiags = absent_function("sparse.spdiags", _INSTEAD)
check_sparse_tensor_invariants = absent_function("sparse.check_sparse_tensor_invariants", _INSTEAD)
to_sparse_semi_structured = absent_function("sparse.to_sparse_semi_structured", _INSTEAD)
