"""`torch._jit_internal`: the decorators of torch.jit that programs import from here."""

from typing import Any


def boolean_dispatch(
    arg_name: str,
    arg_index: int,
    default: bool,
    if_true: Any,
    if_false: Any,
    module_name: str,
    func_name: str,
) -> Any:
    """A function that calls if_true or if_false by one of its arguments."""

    def chosen(*args: Any, **kwargs: Any) -> Any:
        flag = kwargs.get(arg_name, args[arg_index] if arg_index < len(args) else default)
        return if_true(*args, **kwargs) if flag else if_false(*args, **kwargs)

    return chosen


def is_scripting() -> bool:
    """False: nothing is scripted."""
    return False
