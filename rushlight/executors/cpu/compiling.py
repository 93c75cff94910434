"""LLVM text to object code, by several threads at once.

The kernels come written in vectors, blocks and registers, so few passes are left that make them faster: variables into
registers (sroa), tidying, loops that test at their end. LLVM's own pipeline of level 2 takes eight times as long for code that
runs no faster; most of what is left is selecting instructions and registers. llvmlite is imported at first use.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence
from functools import cache
from typing import Any

PASSES = ("sroa", "instruction_combine", "loop_rotate", "simplify_cfg")
LEVEL = 1  # of code generation: 2 takes a fifth longer for the same speed

# More threads than this wait for each other more than they help.
_MOST_THREADS = 8


class Machine:
    """The CPU that code is made for."""

    def __init__(self) -> None:
        import llvmlite
        import llvmlite.binding as llvm

        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        self.llvm = llvm
        self.triple = llvm.get_process_triple()
        self.cpu = llvm.get_host_cpu_name()
        self.features = llvm.get_host_cpu_features()
        self.layout = str(self.target().target_data)
        # What objects depend on beside their text.
        self.identity = "|".join(
            [llvmlite.__version__, self.triple, self.cpu, self.features.flatten(), *PASSES, str(LEVEL)]
        )

    def target(self) -> Any:
        """A new target machine: each serves one thread at a time."""
        make = self.llvm.Target.from_triple(self.triple).create_target_machine
        return make(cpu=self.cpu, features=self.features.flatten(), opt=LEVEL, jit=True)


class Compiler:
    """What one thread compiles with."""

    def __init__(self, machine: Machine) -> None:
        llvm = machine.llvm
        self.machine, self.llvm = machine, llvm
        self.target = machine.target()
        self.context = llvm.create_context()
        self.builder = llvm.create_pass_builder(self.target, llvm.create_pipeline_tuning_options())

    def object_code(self, text: str) -> bytes:
        """The object of one module."""
        module = self.llvm.parse_assembly(text, self.context)
        module.triple, module.data_layout = self.machine.triple, self.machine.layout
        module.verify()
        passes = self.llvm.create_new_module_pass_manager()
        for name in PASSES:
            getattr(passes, f"add_{name}_pass")()
        library = _library()
        library.LLVMPY_RunNewModulePassManager(passes, module, self.builder)
        with self.llvm.ffi.OutputString() as problem:
            memory = library.LLVMPY_TargetMachineEmitToMemory(self.target, module, 1, problem)
            if not memory:
                raise RuntimeError(str(problem))
        try:
            return ctypes.string_at(
                library.LLVMPY_GetBufferStart(memory), library.LLVMPY_GetBufferSize(memory)
            )
        finally:
            library.LLVMPY_DisposeMemoryBuffer(memory)


@cache
def _library() -> ctypes.CDLL:
    """llvmlite's library without the lock that llvmlite holds during every call: under it threads would take turns."""
    from llvmlite.binding import ffi

    library = ctypes.CDLL(ffi.lib._name)
    library.LLVMPY_RunNewModulePassManager.restype = None
    library.LLVMPY_DisposeMemoryBuffer.restype = None
    library.LLVMPY_TargetMachineEmitToMemory.restype = ffi.LLVMMemoryBufferRef
    library.LLVMPY_GetBufferStart.restype = ctypes.c_void_p
    library.LLVMPY_GetBufferSize.restype = ctypes.c_size_t
    return library


def object_codes(machine: Machine, texts: Sequence[str], threads: int) -> list[bytes]:
    """The objects of modules, in their order."""
    made: list[Any] = [None] * len(texts)
    # The longest first, so that none is begun when the others are done.
    left = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    problems: list[BaseException] = []

    def work() -> None:
        try:
            compiler = Compiler(machine)
            while not problems:
                try:
                    i = left.pop()
                except IndexError:
                    return
                made[i] = compiler.object_code(texts[i])
        except BaseException as problem:
            problems.append(problem)

    others = [
        threading.Thread(target=work, name="rushlight-compiler", daemon=True)
        for _ in range(min(threads, _MOST_THREADS, len(texts)) - 1)
    ]
    for thread in others:
        thread.start()
    work()
    for thread in others:
        thread.join()
    if problems:
        raise problems[0]
    return made
