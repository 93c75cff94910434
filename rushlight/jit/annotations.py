"""`torch.jit.annotations`: type names that scripts import from here."""

from typing import Any, Dict, List, Optional, Tuple  # noqa: UP035  (the names are what is handed on)

__all__ = ["Any", "Dict", "List", "Optional", "Tuple"]
