"""`torch.utils.cpp_extension`: names that build scripts import. There is no compiler here: building raises."""

from __future__ import annotations

import os
import sys
from typing import Any, NoReturn

from ..errors import UnsupportedError

CUDA_HOME = ROCM_HOME = HIP_HOME = CUDNN_HOME = SYCL_HOME = None
IS_WINDOWS, IS_MACOS, IS_LINUX = (
    sys.platform == "win32",
    sys.platform == "darwin",
    sys.platform.startswith("linux"),
)
IS_HIP_EXTENSION = False
CLIB_PREFIX = "" if IS_WINDOWS else "lib"
CLIB_EXT = ".dll" if IS_WINDOWS else ".so"
EXEC_EXT = ".exe" if IS_WINDOWS else ""
LIB_EXT = ".pyd" if IS_WINDOWS else ".so"


def _refuse(name: str) -> NoReturn:
    raise UnsupportedError(
        f"torch.utils.cpp_extension.{name}: C++ and CUDA extensions are not built or loaded: there is no compiler and no "
        "C++ API here. Write the function in Python (torch.autograd.Function for a gradient of its own), or use the "
        "package's pure Python fallback."
    )


class BuildExtension:
    """A build command. Making one raises UnsupportedError."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse("BuildExtension")

    @classmethod
    def with_options(cls, **options: Any) -> Any:
        """The command itself."""
        return cls


def CppExtension(name: str, sources: Any, *args: Any, **kwargs: Any) -> Any:
    """Raises UnsupportedError."""
    _refuse("CppExtension")


def CUDAExtension(name: str, sources: Any, *args: Any, **kwargs: Any) -> Any:
    """Raises UnsupportedError."""
    _refuse("CUDAExtension")


def SyclExtension(name: str, sources: Any, *args: Any, **kwargs: Any) -> Any:
    """Raises UnsupportedError."""
    _refuse("SyclExtension")


def load(name: str, sources: Any, *args: Any, **kwargs: Any) -> Any:
    """Raises UnsupportedError."""
    _refuse("load")


def load_inline(name: str, cpp_sources: Any, *args: Any, **kwargs: Any) -> Any:
    """Raises UnsupportedError."""
    _refuse("load_inline")


def include_paths(device_type: str = "cpu", torch_include_dirs: bool = True) -> list[str]:
    """No headers."""
    return []


def library_paths(
    device_type: str = "cpu", torch_include_dirs: bool = True, cross_target_platform: Any = None
) -> list[str]:
    """No libraries."""
    return []


def is_ninja_available() -> bool:
    """False: nothing is built."""
    return False


def verify_ninja_availability() -> None:
    """Raises RuntimeError."""
    raise RuntimeError("Ninja is required to load C++ extensions, and C++ extensions are not built here")


def get_default_build_root() -> str:
    """Where PyTorch would build."""
    return os.path.join(os.path.expanduser("~"), ".cache", "torch_extensions")


def get_cxx_compiler() -> str:
    """Raises UnsupportedError."""
    _refuse("get_cxx_compiler")


def check_compiler_is_gcc(compiler: str) -> bool:
    """False: no compiler is used."""
    return False


def check_compiler_ok_for_platform(compiler: str) -> bool:
    """False: no compiler is used."""
    return False


def get_compiler_abi_compatibility_and_version(compiler: str) -> Any:
    """Raises UnsupportedError."""
    _refuse("get_compiler_abi_compatibility_and_version")
