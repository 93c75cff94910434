"""torch.distributed.pipelining: names only."""

from .unsupported import PIPELINING, refusing_class, refusing_function

pipeline = refusing_function("pipelining.pipeline", PIPELINING)
PipelineStage = refusing_class("pipelining.PipelineStage", PIPELINING)
ScheduleGPipe = refusing_class("pipelining.ScheduleGPipe", PIPELINING)
Schedule1F1B = refusing_class("pipelining.Schedule1F1B", PIPELINING)
