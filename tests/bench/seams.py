"""How far volumes that are deconvolved in overlapping tiles differ from those deconvolved whole.

usage: seams.py PELLUCID

Simulates beads in a widefield microscope, whose point spread function reaches 10 voxels along y and x,
and deconvolves them whole and in four tiles that overlap by so many voxels. Prints a table: the largest
difference, relative to the largest value, and the normalised root mean square of all differences.
"""

import array
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM = str(Path(sys.argv[1]).resolve())
OVERLAPS = (0, 5, 10, 15, 20, 30, 40)
METHODS = [
    ("richardson_lucy, 10 iterations", "richardson_lucy", "{iterations: 10}"),
    ("richardson_lucy, 30 iterations", "richardson_lucy", "{iterations: 30}"),
    ("richardson_lucy, 100 iterations", "richardson_lucy", "{iterations: 100}"),
    ("the same, biggs_andrews, 30", "richardson_lucy",
     "{iterations: 30, acceleration: biggs_andrews}"),
    ("the same, total_variation, 30", "richardson_lucy",
     "{iterations: 30, regularisation: {total_variation: 0.005}}"),
    ("landweber, 50 iterations", "landweber", "{constraint: non_negative}"),
    ("tikhonov_miller, 50 iterations", "tikhonov_miller",
     "{weight: 0.003, constraint: non_negative}"),
    ("tikhonov, reflect", "tikhonov", "{weight: 0.003}"),
    ("wiener, reflect", "wiener", "{noise: 10}"),
]

SCENE = """
pellucid: 1
vars: {blur: BLUR}
nodes:
  truth: {use: io/specimen, with: {kind: {beads: {count: 60}}, size: [32, 96, 96]}}
  blur: "${blur}"
  camera: {use: operators/measure, in: {x: truth, A: blur}, with: {noise: {poisson: 1}}}
  save: {use: io/save, in: {camera: camera}, with: {to: camera.h5}}
"""
RESTORED = """
pellucid: 1
SETTINGS
vars: {blur: BLUR}
nodes:
  camera: {use: io/dataset, with: {path: "camera/camera.h5:/camera"}}
  blur: "${blur}"
  restored: {use: deconvolution/METHOD, in: {y: camera, A: blur}, with: WITH}
  save: {use: io/save, in: {restored: restored.x}, with: {to: restored.npy}}
"""
BLUR = ("{use: operators/convolution, with: {dimensions: 3, boundary: BOUNDARY, kernel: {widefield: "
        "{wavelength: 520 nm, na: 1.2, pixel: 100 nm, step: 250 nm, size: [15, 21, 21]}}}}")


def run(text, name, boundary):
    Path(f"{name}.yaml").write_text(
        text.replace("BLUR", BLUR).replace("BOUNDARY", boundary), encoding="utf-8")
    subprocess.run([PROGRAM, "run", f"{name}.yaml", "--run", name, "--overwrite", "--quiet"],
                   check=True, stdout=subprocess.DEVNULL)


def restored(method, settings, boundary, overlap):
    """The float32 values of the result; `overlap` None: of the whole volume."""
    cut = "" if overlap is None else (
        f"settings: {{tile: [32, 48, 48], overlap: [0, {overlap}, {overlap}]}}")
    run(RESTORED.replace("SETTINGS", cut).replace("METHOD", method).replace("WITH", settings),
        "restored", boundary)
    file = Path("restored/restored.npy").read_bytes()
    values = array.array("f")
    values.frombytes(file[10 + int.from_bytes(file[8:10], "little"):])
    return values


def main():
    run(SCENE, "camera", "zero")
    width = max(len(label) for label, _, _ in METHODS)
    print("overlap".ljust(width) + "".join(f"{overlap:>17}" for overlap in OVERLAPS))
    for label, method, settings in METHODS:
        boundary = "reflect" if "reflect" in label else "zero"
        whole = restored(method, settings, boundary, None)
        size, largest = math.fsum(v * v for v in whole), max(whole)
        cells = []
        for overlap in OVERLAPS:
            tiled = restored(method, settings, boundary, overlap)
            worst = max(abs(a - b) for a, b in zip(whole, tiled, strict=True)) / largest
            rms = math.sqrt(math.fsum((a - b) ** 2 for a, b in zip(whole, tiled)) / size)
            cells.append(f"{worst:>8.1e} {rms:>8.1e}")
        print(label.ljust(width) + "".join(cells), flush=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        os.chdir(temporary)
        main()
