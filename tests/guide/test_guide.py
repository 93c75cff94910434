"""Every section of the guide as a program of PyTorch's, run twice: with its imports changed, and through `rushlight run`.

A program is named for its section (programs/3_5_saving.py is section 3.5) and asserts what has to hold there.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.py"))
ROOT = Path(__file__).resolve().parent.parent.parent


def section(path):
    return path.stem


def with_imports_changed(source):
    """The program with `torch` and `torchvision` imported from rushlight."""
    source = re.sub(r"^import torch$", "import rushlight as torch", source, flags=re.M)
    source = re.sub(r"^import torch\.", "import rushlight.", source, flags=re.M)
    source = re.sub(r"^from torchvision\b", "from rushlight.vision", source, flags=re.M)
    return re.sub(r"^from torch\b", "from rushlight", source, flags=re.M)


def run(argv, folder):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}
    done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.mark.parametrize("program", PROGRAMS, ids=section)
def test_with_its_imports_changed(program, tmp_path):
    changed = tmp_path / program.name
    changed.write_text(with_imports_changed(program.read_text()))
    assert not re.search(r"^(import|from) torch", changed.read_text(), re.M)
    run([sys.executable, str(changed)], tmp_path)


@pytest.mark.parametrize("program", PROGRAMS, ids=section)
def test_through_rushlight_run(program, tmp_path):
    run([sys.executable, "-m", "rushlight", "run", str(program)], tmp_path)


def test_every_section_has_its_program():
    sections = """1_0_p1 1_1 1_2 2_1 2_2 2_3 2_4 2_5 2_6 3_1_to_3_3 3_4 3_5 3_6 3_7_p1_p2 4_1_to_4_3 4_4 4_5 4_6 4_7 4_8
    5_1 5_2 5_3 5_4 5_5 5_6 5_7 5_8 6_1 6_2 6_3 6_3_p1 6_4_and_6_6 6_5 7_1 7_2_and_7_4 7_3 7_5 7_6 7_0_p1 7_0_p2 7_0_p3
    8_1 8_2_to_8_5 8_6 8_7 8_8_p1 8_8_p2 9_1 9_2 9_3 9_4 9_5 9_6 9_7_p1 9_7_p2 9_7_p3 10_1_to_10_3 10_4 10_5 10_6 10_7
    10_8_p1""".split()
    names = [p.stem for p in PROGRAMS]
    assert [s for s in sections if not any(n == s or n.startswith(s + "__") for n in names)] == []
