"""The command line: `rushlight train`, `evaluate`, `predict`, `run`, `doctor`. main.py reads the arguments."""
