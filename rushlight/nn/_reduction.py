"""Names of torch.nn._reduction, handed on: what `reduction=` and the two flags before it mean."""

from ..functions.loss_reduction import get_enum, legacy_get_enum, legacy_get_string

__all__ = ["get_enum", "legacy_get_enum", "legacy_get_string"]
