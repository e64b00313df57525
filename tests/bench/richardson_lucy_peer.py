"""Richardson-Lucy by scikit-image, timed, for richardson_lucy.cpp to be compared with.

usage: richardson_lucy_peer.py FOLDER SIZE... -- KERNEL...

Reads image.f32 and kernel.f32 in FOLDER, of those sizes; writes estimate.f32 after the larger number of
iterations, and seconds.txt: the time of an iteration, from the difference of two runs.
"""

import statistics
import sys
import time
from pathlib import Path

import numpy as np
from skimage.restoration import richardson_lucy

FEW, MANY, ROUNDS = 2, 8, 3
folder = Path(sys.argv[1])
split = sys.argv.index("--")
sizes, taps = [int(n) for n in sys.argv[2:split]], [int(n) for n in sys.argv[split + 1:]]
image = np.fromfile(folder / "image.f32", np.float32).reshape(sizes)
kernel = np.fromfile(folder / "kernel.f32", np.float32).reshape(taps)


def seconds_of(iterations):
    """The estimate, and how long it took."""
    begin = time.perf_counter()
    estimate = richardson_lucy(image, kernel, num_iter=iterations, clip=False)
    return estimate, time.perf_counter() - begin


seconds = []
for _ in range(ROUNDS):
    few = seconds_of(FEW)[1]
    estimate, many = seconds_of(MANY)
    seconds.append((many - few) / (MANY - FEW))
estimate.astype(np.float32).tofile(folder / "estimate.f32")
(folder / "seconds.txt").write_text(f"{statistics.median(seconds)}\n", encoding="ascii")
