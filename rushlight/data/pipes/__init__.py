"""Datapipes. The public paths are `rushlight.utils.data.datapipes.iter` and `.map`.

base.py holds the two base classes, iterating.py, files.py and mapping.py the pipes, chain.py what is done to
a whole chain of them. Importing this registers the functional names (`pipe.map`, `pipe.batch`, ...).
"""

from . import chain, files, iterating, mapping
from .base import DataChunk, DFIterDataPipe, IterDataPipe, MapDataPipe, functional_datapipe

__all__ = ["DFIterDataPipe", "DataChunk", "IterDataPipe", "MapDataPipe", "functional_datapipe"]
