"""`torch._dynamo.exc`: errors of torch.compile."""

from ..errors import CaptureError as Unsupported

TorchDynamoException = Unsupported
__all__ = ["TorchDynamoException", "Unsupported"]
