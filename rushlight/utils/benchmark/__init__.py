"""`torch.utils.benchmark`: how long a statement takes, and tables of such times.

`timing` (Timer), `measurement` (what it gives), `comparing` (the table).
"""

from .comparing import Colorize, Compare
from .measurement import Measurement, TaskSpec, ordered_unique, select_unit, trim_sigfig, unit_to_english
from .timing import Language, Timer, timer
