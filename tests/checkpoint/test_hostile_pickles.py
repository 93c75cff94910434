"""Files that want code to run: refused by name, and nothing runs."""

import builtins
import io
import os
import pickle
import struct
import subprocess
import sys

import pytest

import rushlight as torch
from rushlight import nn


class Reduces:
    """Pickles as a call."""

    def __init__(self, function, *args, state=None):
        self.call = (function, args) if state is None else (function, args, state)

    def __reduce__(self):
        return self.call


def nested(depth):
    call = Reduces(os.system, "echo nested")
    for _ in range(depth):
        call = Reduces(list, call)
    return call


HOSTILE = {
    "system": Reduces(os.system, "echo pwned > /tmp/pwned"),
    "eval": Reduces(eval, "__import__('os').system('echo')"),
    "exec": Reduces(exec, "import os"),
    "open": Reduces(open, "/tmp/pwned", "w"),
    "popen": Reduces(subprocess.Popen, ["echo"]),
    "import": Reduces(__import__, "antigravity"),
    "compile": Reduces(compile, "1", "a", "eval"),
    "type": Reduces(type, "X", (), {}),
    "map": Reduces(map, os.system, ["echo"]),
    "setattr": Reduces(setattr, nn.Linear, "forward", 1),
    "breakpoint": Reduces(builtins.breakpoint),
    "exit": Reduces(sys.exit, 3),
    "memory": Reduces(bytearray, 10**12),
    "nested": nested(5),
    "load": Reduces(pickle.loads, b"cos\nsystem\n(S'echo'\ntR."),
}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", HOSTILE)
def test_calls(name, protocol, watch, make):
    data = pickle.dumps({"weight": HOSTILE[name]}, protocol)
    for options in ({}, {"weights_only": False}):
        watch.refuses(make.archive(data), **options)
    watch.refuses(legacy(data))


def legacy(pickled):
    from rushlight.checkpoint.legacy_format import MAGIC_NUMBER, PROTOCOL_VERSION

    parts = [pickle.dumps(part, 2) for part in (MAGIC_NUMBER, PROTOCOL_VERSION, {"little_endian": True})]
    return b"".join([*parts, pickled, pickle.dumps([], 2)])


def program(body):
    return pickle.PROTO + b"\x02" + body + b"."


NAMES = {
    "os.system": b"cos\nsystem\n(X\x04\x00\x00\x00echotR",
    "posix.system": b"cposix\nsystem\n(X\x04\x00\x00\x00echotR",
    "builtins.eval": b"c__builtin__\neval\n(X\x01\x00\x00\x001tR",
    "runpy._run_code": b"crunpy\n_run_code\n(X\x01\x00\x00\x001tR",
    "operator.attrgetter": b"coperator\nattrgetter\n(X\x06\x00\x00\x00systemtR",
    "torch.hub.load": b"ctorch.hub\nload\n(X\x01\x00\x00\x00atR",
    "torch.load": b"ctorch\nload\n(X\x01\x00\x00\x00atR",
    "torch.save": b"ctorch\nsave\n(X\x01\x00\x00\x00aX\x01\x00\x00\x00btR",
    "torch.from_file": b"ctorch\nfrom_file\n(X\x01\x00\x00\x00atR",
    "torch.nn.functional.np": b"ctorch.nn.functional\nnp\n",
    "numpy.load": b"cnumpy\nload\n(X\x01\x00\x00\x00atR",
    "numpy.f2py": b"cnumpy\nf2py\n",
    "rushlight.checkpoint.load": b"crushlight.checkpoint\nload\n(X\x01\x00\x00\x00atR",
    "sys.modules": b"csys\nmodules\n",
    "not_imported_anywhere.thing": b"cnot_imported_anywhere\nthing\n",
    "__main__.__builtins__": b"c__main__\n__builtins__\n",
    "logging.config.listen": b"clogging.config\nlisten\n)R",
    "torch.serialization.load": b"ctorch.serialization\nload\n(X\x01\x00\x00\x00atR",
    "types.FunctionType": b"ctypes\nFunctionType\n)R",
    "torch.utils.data.DataLoader": b"ctorch.utils.data\nDataLoader\n)R",
    "torch.optim.SGD": b"ctorch.optim\nSGD\n)\x81",
}


@pytest.mark.parametrize("name", NAMES)
def test_names_are_refused_and_named(name, watch, make):
    text = watch.refuses(make.archive(program(NAMES[name])))
    assert name.rpartition(".")[2] in text


@pytest.mark.parametrize(
    "body",
    [
        b"c__builtin__\ngetattr\nctorch.nn\nLinear\nX\x07\x00\x00\x00forward\x86R",
        b"c__builtin__\ngetattr\nctorch.nn\nLinear\nX\x0b\x00\x00\x00__globals__\x86R",
        b"c__builtin__\ngetattr\nctorch.nn\nLinear\nX\x08\x00\x00\x00__init__\x86RX\x0b\x00\x00\x00__globals__\x86R",
        b"c__builtin__\ngetattr\nctorch._C\n_VariableFunctionsClass\nX\x09\x00\x00\x00from_file\x86R",
        b"c__builtin__\ngetattr\nc__builtin__\ngetattr\nX\x08\x00\x00\x00__self__\x86R",
        b"c__builtin__\ngetattr\nctorch\nTensor\nX\x08\x00\x00\x00__dict__\x86R",
        b"c__builtin__\ngetattr\n)R",
        b"(c__builtin__\ngetattr\nK\x01K\x02tR",
    ],
)
def test_getattr_leads_nowhere(body, watch, make):
    watch.refuses(make.archive(program(body)))


@pytest.mark.parametrize(
    "body",
    [
        b"(ios\nsystem\n",  # INST
        b"(cos\nsystem\nX\x04\x00\x00\x00echoo",  # OBJ
        b"(X\x04\x00\x00\x00echoctorch\ndevice\no",
        b"\x82\x01", b"\x83\x01\x00", b"\x84\x01\x00\x00\x00",  # EXT
        b"Pid\n",  # PERSID
        b"K\x01Q", b"K\x01K\x02\x86Q", b")Q", b"X\x06\x00\x00\x00moduleK\x01\x86Q", b"]Q",
        b"(X\x07\x00\x00\x00storageK\x01K\x02K\x03K\x04tQ",
        b"\x97", b"\x98",  # buffers
        b"K\x01}b", b"]}b", b"ctorch.nn\nLinear\n}b", b"X\x01\x00\x00\x00a}b", b"ctorch\nfloat32\n}b",
         # BUILD
        b"K\x01)R", b"X\x01\x00\x00\x00a)R", b"ctorch\nfloat32\n)R", b"]K\x01R", b"c__builtin__\nint\n)R",
        b"ctorch.nn\nLinear\n(K\x01K\x02tR", b"ctorch.nn\nLinear\n)R",  # a class is not called
        b"ctorch.nn\nLinear\nK\x01\x85\x81",  # __new__ with arguments
        b"ctorch\ndevice\n)\x81", b"c__builtin__\nobject\n)\x81", b"c__builtin__\ntype\n)\x81",
        b"c__builtin__\nset\nK\x05\x85R", b"c__builtin__\nbytearray\n\x8a\x05\x00\x00\x00\x00\x10\x85R",
        b"c__builtin__\nstr\nK\x01\x85R",
        b"ccopy_reg\n_reconstructor\nc__builtin__\nlist\nc__builtin__\nlist\nK\x01\x87R",
        b"cfunctools\npartial\ncos\nsystem\n\x85R", b"cfunctools\npartial\nc__builtin__\neval\n\x85R",
        b"cfunctools\npartial\nc__builtin__\ngetattr\n\x85R",
        b"ccollections\ndefaultdict\ncos\nsystem\n\x85R",
        b"ccollections\ndefaultdict\nctorch.nn\nLinear\n\x85R",
        b"cdatetime\ndatetime\nX\x0a\x00\x00\x00aaaaaaaaaa\x85R",
        b"cdatetime\ndatetime\nC\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x85R",
        b"c_codecs\nencode\nX\x01\x00\x00\x00aX\x04\x00\x00\x00zlib\x86R",
        b"c_codecs\nencode\nX\x01\x00\x00\x00aX\x05\x00\x00\x00rot13\x86R",
    ],
)  # fmt: skip
def test_instructions_out_of_place(body, watch, make):
    watch.refuses(make.archive(program(body)))


def test_numpy_cannot_be_misled(watch, make):
    def array(dtype, state):
        body = b"cnumpy._core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
        return make.archive(program(body + b"(K\x01" + state[0] + dtype + b"\x89" + state[1] + b"tb"))

    def dtype(text, state=b"(K\x03X\x01\x00\x00\x00<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"):
        return b"cnumpy\ndtype\nX" + struct.pack("<I", len(text)) + text + b"\x89\x88\x87R" + state

    two = b"K\x02\x85"
    good = watch.load(array(dtype(b"u1", b""), (two, b"C\x02ab")))
    assert good.tolist() == [97, 98]
    for bad in (
        array(dtype(b"O8"), (two, b"]")),
        array(dtype(b"u1", b""), (two, b"C\x01a")),
        array(dtype(b"u1", b""), (b"J\xff\xff\xff\xff\x85", b"C\x01a")),
        array(dtype(b"u8"), (b"\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x20\x85", b"C\x00")),
        array(dtype(b"f4", b"(K\x03X\x01\x00\x00\x00<NNNK\x40K\x01K\x00tb"), (two, b"C\x08abcdefgh")),
        array(
            dtype(b"f4", b"(K\x03X\x01\x00\x00\x00<N(X\x01\x00\x00\x00at}NNK\x00tb"), (two, b"C\x08abcdefgh")
        ),
        array(dtype(b"V8"), (two, b"C\x10abcdefghabcdefgh")),
        array(dtype(b"f4,f4"), (two, b"C\x10abcdefghabcdefgh")),
        array(b"K\x01", (two, b"C\x02ab")),
    ):
        watch.refuses(bad)


def test_keys_that_take_forever_to_hash(watch, make):
    body = b")"
    for _ in range(60):
        body += b"2\x86"  # duplicate, pair
    watch.refuses(make.archive(program(b"}" + body + b"K\x01s")), match="too large to be hashed")
    watch.refuses(make.archive(program(b"}" + b")" + b"\x85" * 200_000 + b"K\x01s")), match="too large")
    watch.refuses(make.archive(program(b"}]K\x01s")))
    watch.refuses(make.archive(program(b"\x8f(}\x90")))


def test_depth_and_cycles_do_no_harm(watch, make):
    deep = watch.load(make.archive(program(b"]" * 100_000 + b"a" * 99_999)))
    assert type(deep) is list
    loop = watch.load(make.archive(program(b"]q\x00h\x00a")))
    assert loop[0] is loop


def test_classes_with_their_own_hash_are_no_keys(make):
    class Hashed(nn.Module):
        def __hash__(self):
            raise AssertionError("ran")

    Hashed.__qualname__ = "Hashed"
    globals()["Hashed"] = Hashed
    Hashed.__module__ = __name__
    pickled = program(f"}}c{__name__}\nHashed\n)\x81K\x01s".encode("latin1"))
    with pytest.raises(pickle.UnpicklingError, match="dict key"):
        torch.load(io.BytesIO(make.archive(pickled)))


class Armed:
    """An ordinary class of the program, none of whose methods may run."""

    def __new__(cls, *args):
        raise AssertionError("ran")

    __init__ = __setstate__ = __setattr__ = __new__


def test_classes_of_the_program_are_not_made(watch, make):
    name = f"c{__name__}\nArmed\n".encode()
    for body in (name + b")\x81", name + b")R", name + b")\x81}b", b"(" + name + b"o"):
        watch.refuses(make.archive(program(body)))


def test_files_that_say_too_much(watch, make):
    for body in (
        b"X\xff\xff\xff\x7f",
        b"\x8d" + b"\xff" * 8,
        b"\x8b\xff\xff\xff\x7f",
        b"\x8b\xff\xff\xff\xff",
        b"T\xff\xff\xff\xff",
        b"I" + b"9" * 10_000 + b"\n",
    ):
        watch.refuses(make.archive(program(body)))
    for body in (
        b"",
        b".",
        b"K\x01",
        b"h\x05.",
        b"a.",
        b"s.",
        b"t.",
        b"\x86.",
        b"0.",
        b"R.",
        b"b.",
        b"(.",
        b"\xff.",
    ):
        watch.refuses(make.archive(pickle.PROTO + b"\x02" + body))
    watch.refuses(make.archive(b"\x80\x09K\x01."), match="protocol 9")


def test_plain_pickles_are_no_checkpoints(watch):
    watch.refuses(pickle.dumps({"a": 1}), match="Invalid magic number", error=RuntimeError)
    watch.refuses(pickle.dumps(HOSTILE["system"]))
    watch.refuses(b"junk" * 100, match="no checkpoint")
    watch.refuses(b"\x80\x02")


def test_the_watch_is_awake(watch, monkeypatch):
    monkeypatch.setattr(torch, "load", lambda file: pickle.load(file))
    with pytest.raises(AssertionError, match="os.system"):
        watch.load(pickle.dumps(Reduces(os.system, "true")))
    with pytest.raises(AssertionError, match="exec"):
        watch.load(pickle.dumps(Reduces(exec, "pass")))
