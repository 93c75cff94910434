"""`torch.ao.quantization`: not supported; calling says what to use."""

from ...absent import absent_class, absent_function

_INSTEAD = "tensors are not quantized; use .half() or .bfloat16() for smaller weights"

QuantStub = absent_class("ao.quantization.QuantStub", _INSTEAD)
DeQuantStub = absent_class("ao.quantization.DeQuantStub", _INSTEAD)
QuantWrapper = absent_class("ao.quantization.QuantWrapper", _INSTEAD)
QConfig = absent_class("ao.quantization.QConfig", _INSTEAD)
FakeQuantize = absent_class("ao.quantization.FakeQuantize", _INSTEAD)
MinMaxObserver = absent_class("ao.quantization.MinMaxObserver", _INSTEAD)
quantize = absent_function("ao.quantization.quantize", _INSTEAD)
quantize_dynamic = absent_function("ao.quantization.quantize_dynamic", _INSTEAD)
quantize_qat = absent_function("ao.quantization.quantize_qat", _INSTEAD)
prepare = absent_function("ao.quantization.prepare", _INSTEAD)
prepare_qat = absent_function("ao.quantization.prepare_qat", _INSTEAD)
convert = absent_function("ao.quantization.convert", _INSTEAD)
fuse_modules = absent_function("ao.quantization.fuse_modules", _INSTEAD)
get_default_qconfig = absent_function("ao.quantization.get_default_qconfig", _INSTEAD)
get_default_qat_qconfig = absent_function("ao.quantization.get_default_qat_qconfig", _INSTEAD)
default_dynamic_qconfig = absent_function("ao.quantization.default_dynamic_qconfig", _INSTEAD)
