"""Short-time Fourier transforms: the spectrum of overlapping windowed frames of a signal, and back.

A frame is n_fft samples long, the next one begins hop_length later. Both directions are made of views of frames,
transforms along the last dimension, and overlapping sums; gradients are theirs.
"""

from __future__ import annotations

import warnings
from typing import Any

from ..autograd.record import primitive, title
from ..dtypes import COMPLEX, FLOATING
from ..ops import fourier as transforms
from ..ops import movement
from ..ops.fourier import half
from ..tensor import Tensor, array_of, dtype_of, shape_of
from .arguments import need_tensor, to_dtype
from .creation import ones
from .fourier import resized
from .padding import constant_pad_nd, pad
from .register import function
from .shaping import transpose, view_as_real


def _call(name: str, input: Tensor, **arguments: Any) -> str:
    """The call as PyTorch's messages show it."""
    kind = title(dtype_of(input))
    shown = [f"{f'torch.{kind}Tensor' if name == 'stft' else f'CPU{kind}Type'}{list(shape_of(input))}"]
    for key, value in arguments.items():
        if isinstance(value, Tensor):
            value = f"torch.{title(dtype_of(value))}Tensor{{{list(shape_of(value))}}}"
        elif isinstance(value, bool):
            value = int(value)
        shown.append(f"{key}={value}")
    return f"{name}({', '.join(shown)}) "


def _full_window(window: Tensor | None, win_length: int, n_fft: int, like: Tensor) -> Tensor | None:
    """The window in the middle of n_fft samples; None where it is all ones."""
    if window is None:
        if win_length == n_fft:
            return None
        window = ones(win_length, dtype=dtype_of(like).to_real(), device=like._storage.device)
    left = (n_fft - win_length) // 2
    return constant_pad_nd(window, (left, n_fft - win_length - left)) if win_length < n_fft else window


def _framed(x: Tensor, n_fft: int, hop: int) -> Tensor:
    """(B, samples) as frames (B, count, n_fft), sharing memory."""
    return primitive(movement.windows, (x,), ((1,), (n_fft,), (hop,), (1,)))


def _met(x: Tensor, window: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """A signal and a window in one dtype kind: complex where either is."""
    if window is None or dtype_of(window) is dtype_of(x):
        return x, window
    if dtype_of(window).is_complex and not dtype_of(x).is_complex:
        x = to_dtype(x, dtype_of(x).to_complex())
    return x, to_dtype(window, dtype_of(x))


@function(out=False)
def stft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Tensor:
    """The spectra (..., frequencies, frames) of the frames of a signal (samples,) or (B, samples).

    Args:
        hop_length: samples from frame to frame, n_fft // 4 by default.
        window: (win_length,), by which a frame is multiplied, in its middle; ones by default.
        center: fill the signal by n_fft // 2 at both ends, as `pad_mode` says, so that frame t is around t * hop_length.
        normalized: divide by sqrt(n_fft).
        onesided: only the n_fft // 2 + 1 frequencies that are not negative; the default for real signals.
        return_complex: else real and imaginary parts along a last dimension.
    Raises: RuntimeError for arguments that do not fit.
    Source: torch.stft.
    """
    need_tensor("stft", input)
    hop = n_fft // 4 if hop_length is None else hop_length
    length = n_fft if win_length is None else win_length
    if align_to_window and center:
        raise RuntimeError("stft align_to_window should only be set when center = false")
    x = input.unsqueeze(0) if input.dim() == 1 else input
    if center and x.dim() == 2:
        x = pad(x.unsqueeze(0), (n_fft // 2, n_fft // 2), pad_mode).squeeze(0)
    _check_stft(x, n_fft, hop, length, window, normalized, onesided, return_complex, align_to_window)
    complex_kind = dtype_of(x).is_complex or (window is not None and dtype_of(window).is_complex)
    if return_complex is None:
        if not complex_kind:
            raise RuntimeError(
                "stft requires the return_complex parameter be given for real inputs, and will further require that "
                "return_complex=True in a future PyTorch release."
            )
        return_complex = True
    if onesided and complex_kind:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    if align_to_window:
        left = (n_fft - length) // 2
        x = constant_pad_nd(x, (left, n_fft - length - left))
    frames, taper = _met(_framed(x, n_fft, hop), _full_window(window, length, n_fft, x))
    if taper is not None:
        frames = frames * taper
    scale = "root" if normalized else "none"
    if complex_kind or onesided is False:
        whole = to_dtype(frames, dtype_of(frames).to_complex())
        spectra = primitive(transforms.fft, (whole,), ((2,), False, scale))
    else:
        spectra = primitive(transforms.rfft, (frames,), ((2,), scale))
    found = transpose(spectra, 1, 2)
    found = found.squeeze(0) if input.dim() == 1 else found
    return found if return_complex else view_as_real(found)


def _check_stft(
    x: Tensor,
    n_fft: int,
    hop: int,
    length: int,
    window: Tensor | None,
    normalized: Any,
    onesided: Any,
    *flags: Any,
) -> None:
    call = _call(
        "stft", x, n_fft=n_fft, hop_length=hop, win_length=length, window=window, normalized=bool(normalized),
        onesided=onesided, return_complex=flags[0], align_to_window=flags[1],
    )  # fmt: skip
    if dtype_of(x).category < FLOATING:
        raise RuntimeError(f"{call}: expected a tensor of floating point or complex values")
    if x.dim() != 2:
        raise RuntimeError(f"{call}: expected a 1D or 2D tensor")
    samples = shape_of(x)[1]
    if not 0 < n_fft <= samples:
        raise RuntimeError(f"{call}: expected 0 < n_fft < {samples}, but got n_fft={n_fft}")
    if hop <= 0:
        raise RuntimeError(f"{call}: expected hop_length > 0, but got hop_length={hop}")
    if not 0 < length <= n_fft:
        raise RuntimeError(f"{call}: expected 0 < win_length <= n_fft, but got win_length={length}")
    if window is not None and shape_of(window) != (length,):
        raise RuntimeError(
            f"{call}: expected a 1D window tensor of size equal to win_length={length}, but got window with size "
            f"{list(shape_of(window))}"
        )


# ---------------------------------------------------------------- back


def _overlapped(frames: Tensor, hop: int) -> Tensor:
    """Frames (B, count, n_fft) added up where they overlap: (B, samples)."""
    B, count, n_fft = shape_of(frames)
    samples = n_fft + hop * (count - 1)
    return primitive(movement.unwindow, (frames,), ((B, samples), (1,), (n_fft,), (hop,), (1,)))


@function(out=False)
def istft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Tensor:
    """The signal (samples,) or (B, samples) whose stft the input (..., frequencies, frames) is, by least squares.

    Args:
        length: how many samples; what is beyond the last frame is 0.
        return_complex: the signal is complex, and input holds all frequencies.
    Raises: RuntimeError when the squares of the overlapping windows add up to 0 somewhere.
    Source: torch.istft.
    """
    need_tensor("istft", input)
    hop = n_fft // 4 if hop_length is None else hop_length
    width = n_fft if win_length is None else win_length
    call = _call(
        "istft", input, n_fft=n_fft, hop_length=hop, win_length=width, window=window, center=bool(center),
        normalized=bool(normalized), onesided=onesided, length=length, return_complex=bool(return_complex),
    )  # fmt: skip
    if dtype_of(input).category != COMPLEX:
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with return_complex=True."
        )
    whole = bool(shape_of(input)[-2] == n_fft) if onesided is None and input.dim() > 1 else not onesided
    _check_istft(call, input, n_fft, hop, width, window, whole, onesided)
    if not whole and return_complex:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    if window is not None and dtype_of(window).is_complex and not return_complex:
        raise RuntimeError(f"{call}: complex windows are incompatible with return_complex=False")
    x = input.unsqueeze(0) if input.dim() == 2 else input
    frames = _frames_of(transpose(x, 1, 2), n_fft, bool(return_complex), "root" if normalized else "size")
    taper = _full_window(window, width, n_fft, x)
    if taper is None:
        taper = ones(n_fft, dtype=dtype_of(x).to_real(), device=x._storage.device)
    frames, taper = _met(frames, taper)
    assert frames is not None and taper is not None
    summed = _overlapped(frames * taper, hop)
    count = shape_of(frames)[1]
    weight = _overlapped((taper * taper).expand((1, count, n_fft)), hop)
    found = _restored(call, summed, weight, n_fft, center, length)
    return found.squeeze(0) if input.dim() == 2 else found


def _frames_of(spectra: Tensor, n_fft: int, complex_kind: bool, scale: str) -> Tensor:
    if complex_kind:
        return primitive(transforms.fft, (spectra,), ((2,), True, scale))
    spectra = resized(spectra, (2,), (half(n_fft),))
    return primitive(transforms.irfft, (spectra,), ((2,), n_fft, scale))


def _restored(
    call: str, summed: Tensor, weight: Tensor, n_fft: int, center: bool, length: int | None
) -> Tensor:
    """The overlapping sums over the sums of squared windows, without the ends that centering added."""
    samples = shape_of(summed)[1]
    start = n_fft // 2 if center else 0
    stop = samples - start if length is None else start + length
    kept = max(min(stop, samples) - start, 0)
    summed, weight = summed.narrow(1, start, kept), weight.narrow(1, start, kept)
    if kept and float(abs(array_of(weight)).min()) <= 1e-11:
        raise RuntimeError(f"{call}window overlap add min: 1")
    found = summed / weight
    if length is not None and kept < length:
        warnings.warn(
            "The length of signal is shorter than the length parameter. Result is being padded with zeros in the tail. "
            "Please check your center and hop_length settings.",
            UserWarning,
            stacklevel=4,
        )
        found = constant_pad_nd(found, (0, length - kept))
    return found


def _check_istft(
    call: str, x: Tensor, n_fft: int, hop: int, width: int, window: Tensor | None, whole: bool, onesided: Any
) -> None:
    if not x.numel():
        raise RuntimeError(f"{call}: input tensor cannot be empty.")
    if x.dim() not in (2, 3):
        raise RuntimeError(f"{call}: expected a tensor with 3 or 4 dimensions, but got {x.dim() + 1}")
    frequencies = shape_of(x)[-2]
    if whole and frequencies != n_fft:
        raise RuntimeError(
            f"{call}: expected the frequency dimension (3rd to the last) of the input tensor to match n_fft when "
            f"onesided=False, but got {frequencies}"
        )
    if not whole and frequencies != half(n_fft):
        raise RuntimeError(
            f"{call}: expected the frequency dimension (3rd to the last) of the input tensor to match n_fft / 2 + 1 when "
            f"onesided=True, but got {frequencies}"
        )
    if not 0 < hop <= width:
        raise RuntimeError(f"{call}: expected 0 < hop_length <= win_length")
    if not 0 < width <= n_fft:
        raise RuntimeError(f"{call}: expected 0 < win_length <= n_fft")
    if window is not None and shape_of(window) != (width,):
        raise RuntimeError(f"{call}: Invalid window shape. window has to be 1D and length of `win_length`")
