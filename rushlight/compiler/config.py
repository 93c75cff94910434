"""Switches of `torch.compile`, as `torch._dynamo.config` has them; most are accepted and change nothing here."""

# How many captures a function may have; beyond that, calls that none of them fits run uncaptured. The second is its
# former name: whichever was changed counts.
recompile_limit = 8
cache_size_limit = 8
accumulated_recompile_limit = 256

# How many kinds of calls a function remembers.
kinds_limit = 64

suppress_errors = False
verbose = False
assume_static_by_default = True
automatic_dynamic_shapes = True
dynamic_shapes = True
specialize_int = False
specialize_float = False
capture_scalar_outputs = False
capture_dynamic_output_shape_ops = False
optimize_ddp = True
guard_nn_modules = True
inline_inbuilt_nn_modules = True
force_parameter_static_shapes = True
skip_fwd_side_effects_in_bwd_under_checkpoint = False
compiled_autograd = False
disable = False


def limit() -> int:
    """How many captures a function may have."""
    return recompile_limit if recompile_limit != 8 else cache_size_limit
