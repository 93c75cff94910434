"""The command line: `rushlight train`, `evaluate`, `predict`, `run`, `launch`, `doctor`. main.py reads the arguments."""
