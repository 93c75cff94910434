"""`python -m rushlight.distributed.launch`: the old name of run."""

from .run import main

if __name__ == "__main__":
    main()
