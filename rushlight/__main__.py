"""`python -m rushlight` is the command `rushlight`."""

from .cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
