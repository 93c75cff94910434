"""Imports point down: a file imports from lower floors, or from its own without a loop."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent / "rushlight"
FLOORS = {
    "errors": 0, "settings": 0, "dtypes": 0, "shapes": 0, "devices": 0, "layouts": 0, "results": 0, "trees": 0,
    "graph": 1,
    "ops": 2,
    "executors": 3,
    "tensor": 4, "memory": 4, "random": 4, "printing": 4, "autograd": 4,
    "functions": 5,
    "nn": 6, "optim": 6, "data": 6, "vision": 6, "checkpoint": 6, "distributed": 6, "compiler": 6, "multiprocessing": 6,
    "func": 6, "profiler": 6, "distributions": 6,
    "serialization": 6, "public": 6,
    "report": 7, "compat": 7,
    "cli": 8, "__main__": 8,
}  # fmt: skip
# The packages that llvm, jax, files, pictures and processes need are loaded at first use.
AT_FIRST_USE = set(
    "llvmlite scipy jax mpi4py sklearn matplotlib rich tqdm ml_dtypes safetensors torch torchvision".split()
)


def modules():
    for path in sorted(ROOT.rglob("*.py")):
        yield (
            path,
            ".".join(("rushlight", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"),
        )


def imports_of(path, name):
    """(line, absolute module) of every import, type-checking ones left out."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    tree = ast.parse(path.read_text())
    skipped = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            skipped |= {id(n) for n in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"


KNOWN = {name: path for path, name in modules()}


def module_of(target):
    while target and target not in KNOWN:
        target = target.rpartition(".")[0]
    return target


def floor_of(name):
    parts = name.split(".")
    return FLOORS.get(parts[1]) if len(parts) > 1 else None


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_imports_point_down(name):
    here = floor_of(name)
    if here is None:
        return  # the public namespace and its thin alias modules may hand on anything
    for line, target in imports_of(KNOWN[name], name):
        found = module_of(target)
        if not found.startswith("rushlight"):
            continue
        assert found != "rushlight", f"{name}:{line} imports the public namespace"
        there = floor_of(found)
        assert there is not None, f"{name}:{line} imports the alias module {found}"
        assert there <= here, f"{name}:{line} imports {found}, which is a floor above"


def test_no_loops():
    edges = {}
    for name, path in KNOWN.items():
        if floor_of(name) is None:
            continue
        edges[name] = {module_of(t) for _, t in imports_of(path, name)} - {name, "", "rushlight"}
    state = {}

    def visit(name, trail):
        state[name] = "open"
        for after in sorted(edges.get(name, ())):
            if name.startswith(after + ".") or after.startswith(name + "."):
                continue  # a package and its own files
            if state.get(after) == "open":
                raise AssertionError(" -> ".join([*trail[trail.index(after) :], after]))
            if after not in state:
                visit(after, [*trail, after])
        state[name] = "done"

    for name in sorted(edges):
        if name not in state:
            visit(name, [name])


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_heavy_packages_are_loaded_at_first_use(name):
    tree = ast.parse(KNOWN[name].read_text())
    for node in tree.body:
        names = (
            [a.name for a in node.names] if isinstance(node, ast.Import)
            else [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        )  # fmt: skip
        for imported in names:
            assert imported.split(".")[0] not in AT_FIRST_USE, (
                f"{name}:{node.lineno} loads {imported} at import"
            )
