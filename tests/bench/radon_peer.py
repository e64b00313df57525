"""The Radon transform and its inverse by scikit-image, timed, for radon.cpp to be compared with.

usage: radon_peer.py FOLDER

Reads image.f32 in FOLDER, 512 x 512; writes sinogram.f32 (180 angles, 512 bins), image_back.f32, and
seconds.txt: the medians of radon and of iradon.
"""

import statistics
import sys
import time
from pathlib import Path

import numpy as np
from skimage.transform import iradon, radon

SIDE, ROUNDS = 512, 7
folder = Path(sys.argv[1])
image = np.fromfile(folder / "image.f32", np.float32).reshape(SIDE, SIDE)
angles = np.arange(180.0)


def timed(action):
    """What the action gives, and its median time after a round that does not count."""
    seconds = []
    for _ in range(ROUNDS + 1):
        begin = time.perf_counter()
        result = action()
        seconds.append(time.perf_counter() - begin)
    return result, statistics.median(seconds[1:])


sinogram, forward = timed(lambda: radon(image, angles))
back, inverse = timed(lambda: iradon(sinogram, angles))
np.ascontiguousarray(sinogram.T, np.float32).tofile(folder / "sinogram.f32")
back.astype(np.float32).tofile(folder / "image_back.f32")
(folder / "seconds.txt").write_text(f"{forward} {inverse}\n", encoding="ascii")
