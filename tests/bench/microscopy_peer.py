"""The normalised error of Richardson-Lucy by scikit-image on bars with a known truth, for the figure
in tests/pipelines/pipelines_test.py and docs/results.md.

usage: microscopy_peer.py FILE.h5 GAIN ITERATIONS

FILE has the volumes /truth, /observed and /psf, /observed with GAIN for 1 in /truth; h5dump reads them.
scikit-image takes the middle of the point spread function at (size - 1) / 2, so that one of an even size
gets a plane of zeros behind it along each axis, and starts from 0.5.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import skimage
from skimage.restoration import richardson_lucy


def read(file, name):
    """The values of a float32 dataset in double precision."""
    header = subprocess.run(["h5dump", "-H", "-d", f"/{name}", file], check=True, text=True,
                            stdout=subprocess.PIPE).stdout
    shape = [int(n) for n in re.search(r"SIMPLE \{ \( ([\d, ]+) \)", header).group(1).split(",")]
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "values"
        subprocess.run(["h5dump", "-d", f"/{name}", "-b", "LE", "-o", raw, file], check=True,
                       stdout=subprocess.DEVNULL)
        return np.fromfile(raw, "<f4").reshape(shape).astype(np.float64)


file, gain, iterations = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
truth, observed, psf = (read(file, name) for name in ("truth", "observed", "psf"))
psf = np.pad(psf, [(0, 1 - size % 2) for size in psf.shape]) / psf.sum()
estimate = richardson_lucy(observed / gain, psf, num_iter=iterations, clip=False)
error = np.sqrt(np.sum((estimate - truth) ** 2) / np.sum(truth**2))
print(f"scikit-image {skimage.__version__}, {iterations} iterations: NRMSE {error:.5f}")
