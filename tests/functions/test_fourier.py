"""Fourier transforms, short-time ones, windows: errors, dtypes, batches, laws."""

import math

import numpy as np
import pytest

import rushlight as torch

fft = torch.fft


def close(tensor, expected, digits=1e-10):
    if isinstance(expected, torch.Tensor):
        expected = expected.detach().numpy()
    np.testing.assert_allclose(tensor.detach().numpy(), expected, rtol=digits, atol=digits)


def signal(*shape, complex_too=False, seed=0):
    rng = np.random.default_rng(seed)
    made = rng.standard_normal(shape)
    return torch.tensor(made + 1j * rng.standard_normal(shape) if complex_too else made)


@pytest.mark.parametrize("norm", [None, "backward", "ortho", "forward"])
def test_inverses_undo_transforms(norm):
    z, x = signal(3, 4, 5, complex_too=True), signal(3, 4, 5)
    close(fft.ifft(fft.fft(z, dim=1, norm=norm), dim=1, norm=norm), z)
    close(fft.ifftn(fft.fftn(z, norm=norm), norm=norm), z)
    close(fft.irfft(fft.rfft(x, norm=norm), n=5, norm=norm), x)
    close(fft.irfftn(fft.rfftn(x, norm=norm), s=(3, 4, 5), norm=norm), x)
    close(fft.hfft(fft.ihfft(x, norm=norm), n=5, norm=norm), x)
    close(fft.hfft2(fft.ihfft2(x, norm=norm), s=(4, 5), norm=norm), x)


@pytest.mark.parametrize("dim", [(0,), (2, 0), (-1, -2)])
def test_transforms_are_numpys(dim):
    z, x = signal(3, 4, 5, complex_too=True), signal(3, 4, 5)
    close(fft.fftn(z, dim=dim), np.fft.fftn(z.numpy(), axes=dim))
    close(fft.rfftn(x, dim=dim), np.fft.rfftn(x.numpy(), axes=dim))
    sizes = (6, 3)[: len(dim)]
    close(fft.ifftn(z, s=sizes, dim=dim), np.fft.ifftn(z.numpy(), sizes, axes=dim))
    close(fft.irfftn(z, s=sizes, dim=dim), np.fft.irfftn(z.numpy(), sizes, axes=dim))


def test_widths_are_kept():
    assert fft.fft(torch.ones(4)).dtype is torch.complex64
    assert fft.rfft(torch.ones(4, dtype=torch.float64)).dtype is torch.complex128
    assert fft.irfft(torch.ones(3, dtype=torch.complex64)).dtype is torch.float32
    assert fft.fft(torch.ones(4, dtype=torch.int64)).dtype is torch.complex64
    assert fft.fftfreq(4, dtype=torch.float64).dtype is torch.float64


def test_a_size_of_minus_one_is_kept_and_no_dim_is_no_transform():
    x = signal(3, 4)
    assert fft.fftn(x, s=(-1, 2)).shape == (3, 2)
    assert fft.rfftn(x, s=(2,)).shape == (3, 2)
    close(fft.fftn(x, dim=()), x.numpy() + 0j)
    assert fft.fft(torch.zeros(0, 3)).shape == (0, 3)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: fft.fft(torch.ones(3), n=0), RuntimeError, r"Invalid number of data points \(0\) specified"),
        (lambda: fft.irfft(torch.ones(1)), RuntimeError, r"Invalid number of data points \(0\) specified"),
        (lambda: fft.fft(torch.ones(3), norm="x"), RuntimeError, 'Invalid normalization mode: "x"'),
        (lambda: fft.fft(torch.ones(3).half()), RuntimeError, "Unsupported dtype Half"),
        (lambda: fft.rfft(torch.ones(3) + 0j), RuntimeError, "rfft expects a real input tensor, but got ComplexFloat"),
        (lambda: fft.fft(torch.ones(3), dim=2), IndexError, "Dimension out of range"),
        (lambda: fft.fft(torch.tensor(1.0)), IndexError, "tensor has no dimensions"),
        (lambda: fft.fftn(torch.ones(2, 2), dim=(0, 0)), RuntimeError, "FFT dims must be unique"),
        (lambda: fft.fftn(torch.ones(2), s=(2, 2)), RuntimeError, "Got shape with 2 values but input tensor only has 1"),
        (lambda: fft.fftn(torch.ones(2, 2), s=(2,), dim=(0, 1)), RuntimeError, "must have the same length"),
        (lambda: fft.rfftn(torch.ones(2), dim=()), RuntimeError, "rfftn must transform at least one axis"),
        (lambda: fft.fftfreq(4, dtype=torch.int64), RuntimeError, "requires a floating point or complex dtype"),
    ],
)  # fmt: skip
def test_misfits_say_why(call, error, says):
    with pytest.raises(error, match=says):
        call()


def test_frequencies_and_shifts():
    for n in (4, 5):
        close(fft.fftfreq(n, d=0.5, dtype=torch.float64), np.fft.fftfreq(n, 0.5))
        close(fft.rfftfreq(n, dtype=torch.float64), np.fft.rfftfreq(n))
        x = torch.arange(n)
        assert fft.ifftshift(fft.fftshift(x)).tolist() == x.tolist()
    assert fft.fftshift(torch.arange(5)).tolist() == [3, 4, 0, 1, 2]
    assert fft.fftshift(torch.arange(4).reshape(2, 2), dim=1).tolist() == [[1, 0], [3, 2]]


def test_gradients_of_both_orders():
    x = signal(2, 5).requires_grad_()
    power = fft.rfft(x).abs().square().sum()
    (g,) = torch.autograd.grad(power, x, create_graph=True)
    # Parseval: of every frequency but 0 the rfft holds one of two, and its power is the half of theirs.
    close(g, (x + x.mean(-1, True)) * 5)
    (again,) = torch.autograd.grad((g * g).sum(), x)
    assert again.shape == x.shape and bool((again != 0).all())
    z = signal(3, complex_too=True).requires_grad_()
    (g,) = torch.autograd.grad(fft.ifft(z).abs().square().sum(), z)
    close(g, 2 * z / 3)


# ---------------------------------------------------------------- short-time transforms


@pytest.mark.parametrize("onesided", [True, False])
@pytest.mark.parametrize("center", [True, False])
def test_istft_undoes_stft(onesided, center):
    x = signal(2, 64)
    window = torch.hann_window(16, dtype=torch.float64) + 0.1
    spectra = torch.stft(
        x, 16, 4, window=window, center=center, onesided=onesided, normalized=True, return_complex=True
    )
    assert spectra.shape == (2, 9 if onesided else 16, 17 if center else 13)
    back = torch.istft(spectra, 16, 4, window=window, center=center, onesided=onesided, normalized=True)
    close(back, x)


def test_a_frame_is_a_windowed_transform():
    x, window = signal(40), torch.hamming_window(6, dtype=torch.float64)
    spectra = x.stft(8, hop_length=3, win_length=6, window=window, center=False, return_complex=True)
    taper = np.zeros(8)
    taper[1:7] = window.numpy()
    close(spectra[:, 2], np.fft.rfft(x.numpy()[6:14] * taper))
    parts = torch.stft(x, 8, 3, 6, window, center=False, return_complex=False)
    close(torch.view_as_complex(parts), spectra)


def test_complex_signals_have_all_frequencies():
    z = signal(32, complex_too=True)
    spectra = torch.stft(z, 8, return_complex=True)
    assert spectra.shape == (8, 17)
    close(torch.istft(spectra, 8, return_complex=True, onesided=False), z)


def test_a_signal_is_cut_or_filled_to_length():
    spectra = torch.stft(signal(64), 8, window=torch.hann_window(8, dtype=torch.float64), return_complex=True)
    window = torch.hann_window(8, dtype=torch.float64)
    assert torch.istft(spectra, 8, window=window, length=50).shape == (50,)
    with pytest.warns(UserWarning, match="padded with zeros in the tail"):
        longer = torch.istft(spectra, 8, window=window, length=80)
    assert longer.shape == (80,) and longer[70:].abs().sum().item() == 0


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: torch.stft(torch.ones(64), 8), "stft requires the return_complex parameter"),
        (lambda: torch.stft(torch.ones(64), 8, hop_length=0, return_complex=True), "expected hop_length > 0"),
        (lambda: torch.stft(torch.ones(64), 8, win_length=9, return_complex=True), "0 < win_length <= n_fft"),
        (lambda: torch.stft(torch.ones(64), 80, center=False, return_complex=True), "expected 0 < n_fft < 64"),
        (lambda: torch.stft(torch.ones(1, 1, 64), 8, return_complex=True), "expected a 1D or 2D tensor"),
        (lambda: torch.stft(torch.ones(64), 8, window=torch.ones(5), return_complex=True), "size equal to win_length=8"),
        (lambda: torch.istft(torch.ones(5, 4), 8), "istft requires a complex-valued input"),
        (lambda: torch.istft(torch.ones(5, 4) + 0j, 12), "match n_fft / 2 \\+ 1 when onesided=True, but got 5"),
        (lambda: torch.istft(torch.ones(5, 4) + 0j, 8, window=torch.zeros(8)), "window overlap add min: 1"),
    ],
)  # fmt: skip
def test_short_time_misfits_say_why(call, says):
    with pytest.raises(RuntimeError, match=says):
        call()


# ---------------------------------------------------------------- windows


def test_periodic_windows_leave_out_a_sample_of_the_symmetric_one():
    for make in (
        torch.hann_window,
        torch.hamming_window,
        torch.blackman_window,
        torch.bartlett_window,
        torch.kaiser_window,
    ):
        assert make(0).shape == (0,) and make(1).tolist() == [1.0]
        close(make(6), make(7, periodic=False)[:6], 1e-6)
        close(make(7, False), make(7, False).flip(0), 1e-6)
        with pytest.raises(RuntimeError, match="requires non-negative window_length, got window_length=-1"):
            make(-1)
    assert torch.hann_window(4, dtype=torch.float64, requires_grad=True).requires_grad


def test_signal_windows_are_symmetric_and_checked():
    windows = torch.signal.windows
    for name in windows.__all__:
        make = getattr(windows, name)
        more = {"a": [0.4, 0.6]} if name == "general_cosine" else {}
        assert make(0, **more).shape == (0,) and make(1, **more).tolist() == [1.0]
        close(make(6, **more), make(6, **more).flip(0), 1e-6)
        with pytest.raises(ValueError, match="requires non-negative window length, got M=-1"):
            make(-1, **more)
        with pytest.raises(ValueError, match="expects float32 or float64 dtypes, got: torch.int64"):
            make(4, dtype=torch.int64, **more)
    close(windows.gaussian(3, std=1.0, dtype=torch.float64), [math.exp(-0.5), 1, math.exp(-0.5)])
    with pytest.raises(ValueError, match="Tau must be positive"):
        windows.exponential(5, tau=-1)
    with pytest.raises(ValueError, match="Center must be None for symmetric windows"):
        windows.exponential(5, center=1)
    with pytest.raises(TypeError, match="Coefficients must be a list/tuple"):
        windows.general_cosine(5, a=3)
