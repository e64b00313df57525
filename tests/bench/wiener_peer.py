"""Wiener filters by scikit-image, timed, for wiener.cpp to be compared with.

usage: wiener_peer.py FOLDER

Reads from FOLDER image.f32 (1024 x 1024) and kernel.f32 (31 x 31); small.f64 (255 x 255),
small_kernel.f64 (9 x 9), white.f64 and uniform.f64, the draws of 40 iterations. Writes wiener.f32,
unsupervised.f64, chains.f64 (precisions of noise and signal after each iteration) and seconds.txt:
the medians of wiener, and of one iteration of unsupervised_wiener on the large image.
"""

import statistics
import sys
import time
from pathlib import Path

import numpy as np
from scipy.special import gammaincinv
from skimage.restoration import unsupervised_wiener, wiener

SIDE, TAPS, SMALL, SMALL_TAPS, DRAWS, BALANCE, ROUNDS = 1024, 31, 255, 9, 40, 0.01, 15
folder = Path(sys.argv[1])


class Given(np.random.Generator):
    """Draws that were made elsewhere: images of white noise, and uniform numbers."""

    def __init__(self, white, uniform):
        super().__init__(np.random.PCG64())
        # A unitary transform of white noise: both parts of each sample have variance 1/2.
        spectra = np.sqrt(2) * np.fft.rfft2(white, norm="ortho")
        self.parts = iter([part for spectrum in spectra for part in (spectrum.real, spectrum.imag)])
        self.uniform_ones = iter(uniform.ravel())

    def standard_normal(self, size):
        return next(self.parts)

    def gamma(self, shape, scale):
        return scale * gammaincinv(shape, next(self.uniform_ones))


def read(name, dtype, *shape):
    return np.fromfile(folder / name, dtype).reshape(shape)


def timed(action, rounds):
    """What the action gives, and its median time after a round that does not count."""
    seconds = []
    for _ in range(rounds + 1):
        begin = time.perf_counter()
        result = action()
        seconds.append(time.perf_counter() - begin)
    return result, statistics.median(seconds[1:])


image = read("image.f32", np.float32, SIDE, SIDE)
kernel = read("kernel.f32", np.float32, TAPS, TAPS)
restored, seconds = timed(lambda: wiener(image, kernel, BALANCE, clip=False), ROUNDS)
restored.astype(np.float32).tofile(folder / "wiener.f32")

several = {"max_num_iter": 6, "min_num_iter": 6, "burnin": 1}
_, seconds_drawn = timed(
    lambda: unsupervised_wiener(image, kernel, user_params=several, clip=False), 3)

draws = Given(read("white.f64", np.float64, DRAWS, SMALL, SMALL),
              read("uniform.f64", np.float64, DRAWS, 2))
# The mean begins with iteration `burnin` + 1, counted from 0.
params = {"threshold": 0, "burnin": 14, "min_num_iter": DRAWS, "max_num_iter": DRAWS}
mean, chains = unsupervised_wiener(
    read("small.f64", np.float64, SMALL, SMALL),
    read("small_kernel.f64", np.float64, SMALL_TAPS, SMALL_TAPS),
    user_params=params, clip=False, rng=draws)
mean.astype(np.float64).tofile(folder / "unsupervised.f64")
np.array([chains["noise"][1:], chains["prior"][1:]]).tofile(folder / "chains.f64")
(folder / "seconds.txt").write_text(f"{seconds} {seconds_drawn / 6}\n", encoding="ascii")
