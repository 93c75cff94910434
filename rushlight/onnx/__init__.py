"""`torch.onnx`: names that can be imported; exporting is not supported, and says what to use."""

from enum import Enum

from ..absent import absent_class, absent_function

_INSTEAD = (
    "ONNX files are not written; save the state_dict with torch.save, load it in PyTorch and export there"
)


class TrainingMode(Enum):
    """How a module would be exported."""

    EVAL = 0
    PRESERVE = 1
    TRAINING = 2


class OperatorExportTypes(Enum):
    """Which operators would be exported."""

    ONNX = 0
    ONNX_ATEN = 1
    ONNX_ATEN_FALLBACK = 2


def is_in_onnx_export() -> bool:
    """False: nothing is exported."""
    return False


export = absent_function("onnx.export", _INSTEAD)
dynamo_export = absent_function("onnx.dynamo_export", _INSTEAD)
register_custom_op_symbolic = absent_function("onnx.register_custom_op_symbolic", _INSTEAD)
unregister_custom_op_symbolic = absent_function("onnx.unregister_custom_op_symbolic", _INSTEAD)
select_model_mode_for_export = absent_function("onnx.select_model_mode_for_export", _INSTEAD)
ONNXProgram = absent_class("onnx.ONNXProgram", _INSTEAD)
ExportOptions = absent_class("onnx.ExportOptions", _INSTEAD)
