"""Every shipped pipeline runs, and gives the recorded shapes and scores. The files it writes are read
by h5ls, a program that is not ours.

usage: pipelines_test.py PELLUCID REPOSITORY
"""

import csv
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(sys.argv.pop(2)).resolve()
PROGRAM = Path(sys.argv.pop(1)).resolve()

# Of Richardson-Lucy by scikit-image 0.26, 50 iterations, on the bars, as printed by
# tests/bench/microscopy_peer.py bars_25pct.h5 23.73 50
SCIKIT_IMAGE_NRMSE = 0.94919

# Scores are in dB; FFT plans, and with them the last bits, differ from machine to machine.
ROUNDING = 0.02


def shapes(file):
    """Datasets of an HDF5 file: name -> shape."""
    listed = subprocess.run(["h5ls", "-r", str(file)], check=True, text=True,
                            stdout=subprocess.PIPE).stdout
    return {name: tuple(map(int, shape.split(", ")))
            for name, shape in re.findall(r"^/(\S+)\s+Dataset \{([\d, ]+)\}$", listed, re.MULTILINE)}


def mean_psnr(printed, table):
    """The mean of a printed table's second column; of one row that row."""
    rows = printed.split(f"{table}\n")[1].split("\n\n")[0].splitlines()[1:]
    mean = [row for row in rows if row.startswith("mean")] or rows[:1]
    return float(mean[0].split()[1])


def column(printed, table, name):
    """A column of a printed table: the numbers of its first rows."""
    head, *rows = printed.split(f"{table}\n")[1].split("\n\n")[0].splitlines()
    titles = re.split(r" {2,}", re.sub(r" \[.*?\]", "", head.strip()))
    return [float(row.split()[titles.index(name)]) for row in rows if row[0].isdigit()]


def first_value(printed, table):
    """The second column of the first row of a printed table."""
    return float(printed.split(f"{table}\n")[1].splitlines()[1].split()[1])


class Pipelines(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="pellucid-pipelines-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def run_pipeline(self, name, *arguments):
        return self.run_file(ROOT / "pipelines" / f"{name}.yaml", *arguments)

    def run_file(self, file, *arguments, folder="run"):
        done = subprocess.run(
            [PROGRAM, "run", file, "--run", self.folder / folder, "--quiet", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def sample(self, name):
        """A file or folder of the sample data."""
        path = Path(os.environ.get("PELLUCID_SHARED", "/nowhere")) / "data" / name
        if not path.exists():
            self.skipTest(f"there is no '{path}'; PELLUCID_SHARED names the sample data")
        return path

    def follow_head_comment(self, name):
        """Runs, in an empty folder, the commands that a pipeline's head comment gives for somebody
        without data, and returns what the last prints. They are the lines after 'at hand'."""
        text = (ROOT / "pipelines" / f"{name}.yaml").read_text(encoding="utf-8")
        commands = re.search(r"# No .* at hand: .*\n#\n((?:#   .*\n)+)", text).group(1)
        (self.folder / "pipelines").symlink_to(ROOT / "pipelines")
        for command in re.findall(r"^#   (.*)$", commands, re.MULTILINE):
            done = subprocess.run(
                ["sh", "-c", command.replace("pellucid run", '"$0" run --quiet'), PROGRAM],
                cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout}")
        return done.stdout

    def test_there_is_a_test_for_each(self):
        tests = {name.removeprefix("test_") for name in dir(self) if name.startswith("test_")}
        shipped = {path.stem for path in (ROOT / "pipelines").glob("*.yaml")}
        self.assertEqual(shipped - tests, set())

    def test_demo(self):
        printed = self.run_pipeline("demo")
        self.assertAlmostEqual(mean_psnr(printed, "score_before.scores"), 22.35, delta=ROUNDING)
        self.assertAlmostEqual(mean_psnr(printed, "score_after.scores"), 24.88, delta=ROUNDING)
        self.assertEqual(shapes(self.folder / "run" / "restored.h5"),
                         dict.fromkeys(["truth", "blurred", "restored"], (2, 3, 512, 512)))
        pictures = sorted(p.name for p in (self.folder / "run").rglob("*.png"))
        self.assertEqual(pictures, [f"{name}_000{item}.png"
                                    for name in ("blurred", "restored", "truth")
                                    for item in (0, 1)])

    def test_focus(self):
        printed = self.run_pipeline("focus")
        self.assertAlmostEqual(mean_psnr(printed, "score_in_focus.scores"), 21.60, delta=ROUNDING)
        self.assertAlmostEqual(mean_psnr(printed, "score_out_of_focus.scores"), 16.11,
                               delta=ROUNDING)
        self.assertEqual(shapes(self.folder / "run" / "restored.h5"),
                         dict.fromkeys(["sharp", "blurred"], (1, 1, 256, 256)))

    def test_sweep_noise(self):
        self.run_pipeline("sweep_noise")
        with open(self.folder / "run" / "sweep.csv", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(len(rows), 3 * 2 * 4)
        natural = {sigma: [float(r["psnr"]) for r in rows
                           if r["sigma"] == sigma and r["signal"] == "natural"]
                   for sigma in ("0.01", "0.03", "0.1")}
        means = [sum(scores) / len(scores) for scores in natural.values()]
        for mean, recorded in zip(means, (25.49, 24.15, 22.22)):
            self.assertAlmostEqual(mean, recorded, delta=ROUNDING)
        points = list((self.folder / "run" / "points").iterdir())
        self.assertEqual(len(points), 3 * 2)
        for point in points:
            self.assertEqual(shapes(point / "restored.h5"), {"restored": (4, 1, 256, 256)})

    def test_inpaint(self):
        printed = self.run_pipeline("inpaint")
        self.assertAlmostEqual(mean_psnr(printed, "score_before.scores"), 7.18, delta=ROUNDING)
        self.assertAlmostEqual(mean_psnr(printed, "score_after.scores"), 21.75, delta=ROUNDING)
        self.assertEqual(shapes(self.folder / "run" / "restored.h5"),
                         dict.fromkeys(["truth", "seen", "restored"], (2, 3, 192, 192)))

    def test_superresolve(self):
        printed = self.run_pipeline("superresolve")
        self.assertAlmostEqual(mean_psnr(printed, "score_enlarged.scores"), 24.98, delta=ROUNDING)
        self.assertAlmostEqual(mean_psnr(printed, "score_restored.scores"), 28.45, delta=ROUNDING)
        self.assertEqual(shapes(self.folder / "run" / "restored.h5"),
                         {"camera": (2, 3, 96, 96),
                          **dict.fromkeys(["truth", "enlarged", "restored"], (2, 3, 192, 192))})

    def test_mri_phantom(self):
        """Sensitivities and few edges make up for what zeros cannot."""
        printed = self.run_pipeline("mri_phantom")
        for score, recorded in [("zero_filled", 24.45), ("cg_sense", 32.70), ("few_edges", 50.3)]:
            self.assertAlmostEqual(mean_psnr(printed, f"score_{score}.scores"), recorded,
                                   delta=0.3 if score == "few_edges" else ROUNDING)
        self.assertEqual(shapes(self.folder / "run" / "phantom.h5"),
                         dict.fromkeys(["truth", "sampling", "zero_filled", "cg_sense", "few_edges"],
                                       (1, 1, 192, 192)))

    def test_mri_brain(self):
        os.environ["PELLUCID_DATA"] = str(self.sample("mri").parent)
        printed = self.run_pipeline("mri_brain")
        residuals = column(printed, "cg_sense.history", "residual")
        self.assertLess(residuals[10], 0.1 * residuals[0])
        self.assertEqual(shapes(self.folder / "run" / "brain.h5"),
                         dict.fromkeys(["sampling", "zero_filled", "cg_sense", "few_edges"],
                                       (1, 1, 230, 180)))

    def test_lensless_simulated(self):
        printed = self.run_pipeline("lensless_simulated")
        self.assertAlmostEqual(mean_psnr(printed, "score_wiener.scores"), 17.63, delta=0.1)
        self.assertAlmostEqual(mean_psnr(printed, "score_few_edges.scores"), 23.71, delta=0.1)
        self.assertEqual(shapes(self.folder / "run" / "lensless.h5"),
                         {"pattern": (1, 1, 97, 97), "sensor": (1, 1, 160, 160),
                          **dict.fromkeys(["wiener", "few_edges", "truth"], (1, 1, 80, 80))})

    def test_lensless_diffuser(self):
        os.environ["PELLUCID_DATA"] = str(self.sample("lensless").parent)
        printed = self.run_pipeline("lensless_diffuser")
        residuals = column(printed, "nearest.history", "residual")
        self.assertLess(residuals[-1], 0.01 * residuals[0])
        self.assertEqual(shapes(self.folder / "run" / "hand.h5"),
                         {**dict.fromkeys(["sensor", "pattern"], (1, 1, 150, 200)),
                          **dict.fromkeys(["nearest", "picture"], (1, 1, 149, 199))})

    def test_ct_phantom(self):
        printed = self.run_pipeline("ct_phantom")
        direct = mean_psnr(printed, "score_fbp.scores")
        self.assertAlmostEqual(direct, 26.12, delta=0.05)
        self.assertAlmostEqual(mean_psnr(printed, "score_least_squares.scores"), 24.96, delta=0.1)
        self.assertAlmostEqual(mean_psnr(printed, "score_total_variation.scores"), 31.44, delta=0.1)
        self.assertAlmostEqual(first_value(printed, "axis.found"), 131.4, delta=0.1)
        self.assertEqual(shapes(self.folder / "run" / "head.h5"),
                         {"sinogram": (1, 1, 60, 256)} | dict.fromkeys(
                             ["truth", "fbp", "least_squares", "total_variation"],
                             (1, 1, 256, 256)))

    def test_ct_tooth(self):
        os.environ["PELLUCID_DATA"] = str(self.sample("tomography/tooth.h5").parent)
        printed = self.run_pipeline("ct_tooth", "--items", "0:1", "--set", "few_edges.iterations=5",
                                    "--set", "vars.size=360")
        self.assertAlmostEqual(first_value(printed, "axis.found"), 296, delta=1)
        self.assertEqual(shapes(self.folder / "run" / "tooth.h5"),
                         {"sinogram": (1, 181, 640), "fbp": (1, 360, 360),
                          "few_edges": (1, 360, 360)})

    def nrmse_of_points(self, folder):
        """Of each point of a sweep, by its label."""
        with open(folder / "sweep.csv", encoding="utf-8") as file:
            rows = [row for row in csv.reader(file) if row[0] in ("table", "score.scores")]
        head = rows[0]
        return {row[1]: float(row[head.index("nrmse")]) for row in rows if row[0] != "table"}

    def test_microscopy_bars(self):
        os.environ["PELLUCID_DATA"] = str(self.sample("microscopy").parent)
        self.run_pipeline("microscopy_bars")
        nrmse = self.nrmse_of_points(self.folder / "run")
        self.assertAlmostEqual(nrmse["richardson_lucy_50_dark"], SCIKIT_IMAGE_NRMSE, delta=1e-3)
        recorded = {"observed": 0.964, "inverse": 0.899, "tikhonov": 0.894, "wiener": 0.959,
                    "unsupervised_wiener": 0.896, "van_cittert": 0.804, "landweber": 0.849,
                    "nnls": 0.721, "bvls": 0.721, "tikhonov_miller": 0.765, "fista": 0.782,
                    "tv_admm": 0.722, "tv_primal_dual": 0.849, "richardson_lucy": 0.693,
                    "richardson_lucy_50": 0.819, "richardson_lucy_50_dark": 0.949,
                    "richardson_lucy_accelerated": 0.691, "richardson_lucy_readout": 0.815,
                    "richardson_lucy_total_variation": 0.696, "blind_richardson_lucy": 0.814}
        self.assertEqual(set(nrmse), set(recorded))
        for label, value in recorded.items():
            self.assertAlmostEqual(nrmse[label], value, delta=0.01, msg=label)
        self.assertEqual(shapes(self.folder / "run" / "points" / "nnls" / "restored.h5"),
                         dict.fromkeys(["restored", "observed", "truth"], (1, 1, 32, 64, 64)))

    def test_microscopy_bars_without_a_stack(self):
        """What is known of the sample, that it is not negative and has few edges, is worth much."""
        self.follow_head_comment("microscopy_bars")
        nrmse = self.nrmse_of_points(self.folder / "runs" / "microscopy_bars")
        for naive, regularised, least in [("observed", "inverse", 1.6), ("inverse", "tikhonov", 1.3),
                                          ("nnls", "tikhonov_miller", 1.1), ("nnls", "tv_admm", 1.08),
                                          ("richardson_lucy", "richardson_lucy_total_variation", 1.18),
                                          ("richardson_lucy_50_dark", "richardson_lucy_50", 2)]:
            self.assertGreater(nrmse[naive] / nrmse[regularised], least, (naive, regularised))
        self.assertAlmostEqual(nrmse["richardson_lucy_total_variation"], 0.231, delta=0.005)

    def test_volumes_in_tiles(self):
        """Seams fade where tiles overlap: from whole items to twice the reach of the blur, 10 px."""
        blur = ("{use: operators/convolution, with: {dimensions: 3, boundary: zero, kernel: {widefield:"
                " {wavelength: 520 nm, na: 1.2, pixel: 100 nm, step: 250 nm, size: [9, 21, 21]}}}}")
        file = self.folder / "tiles.yaml"

        def run(name, nodes):
            file.write_text(f"pellucid: 1\n{nodes}", encoding="utf-8")
            return self.run_file(file, folder=name)

        run("stack", f"""nodes:
  sample: {{use: io/specimen, with: {{kind: {{beads: {{count: 20}}}}, size: [12, 80, 80]}}}}
  blur: {blur}
  camera: {{use: operators/measure, in: {{x: sample, A: blur}}, with: {{noise: {{poisson: 1}}}}}}
  save: {{use: io/save, in: {{camera: camera}}, with: {{to: stack.h5}}}}
""")
        nodes = f"""
nodes:
  camera: {{use: io/dataset, with: {{path: "{self.folder}/stack/stack.h5:/camera"}}}}
  blur: {blur}
  counts: {{use: deconvolution/richardson_lucy, in: {{y: camera, A: blur}}, with: {{iterations: 20}}}}
  squares:
    use: deconvolution/tikhonov_miller
    in: {{y: camera, A: blur}}
    with: {{iterations: 20, weight: 0.001, constraint: non_negative}}
  save: {{use: io/save, in: {{counts: counts.x, squares: squares.x}}, with: {{to: x.h5}}}}
"""
        run("whole", nodes)
        for overlap, least, most in [(0, 0.05, 1), (20, 0, 0.003)]:
            run(f"{overlap}", f"settings: {{tile: [12, 40, 40], overlap: [0, {overlap}, {overlap}]}}"
                + nodes)
            for name in ("counts", "squares"):
                printed = run(f"{name}{overlap}", f"""nodes:
  tiles: {{use: io/dataset, with: {{path: "{self.folder}/{overlap}/x.h5:/{name}"}}}}
  whole: {{use: io/dataset, with: {{path: "{self.folder}/whole/x.h5:/{name}"}}}}
  seams:
    use: metrics/quality
    in: {{x: tiles, reference: whole}}
    with: {{metrics: [nrmse], dimensions: 3, border: 0}}
""")
                nrmse = first_value(printed, "seams.scores")
                self.assertGreater(nrmse, least, name)
                self.assertLess(nrmse, most, name)

    def test_deblur_photos(self):
        os.environ["PELLUCID_DATA"] = str(self.sample("test/set47_bsd"))
        printed = self.run_pipeline("deblur_photos", "--items", "0:2")
        self.assertAlmostEqual(mean_psnr(printed, "score.scores"), 24.83, delta=ROUNDING)
        self.assertEqual(shapes(self.folder / "run" / "photos.h5")["restored"][:2], (2, 3))

    def test_deblur_photos_without_photographs(self):
        printed = self.follow_head_comment("deblur_photos")
        self.assertAlmostEqual(mean_psnr(printed, "score.scores"), 29.08, delta=ROUNDING)

    def test_paint_volume(self):
        self.run_pipeline("paint_volume")
        with open(self.folder / "run" / "stack.tif", "rb") as file:
            self.assertIn(file.read(4), (b"II*\0", b"MM\0*"))

    def test_deblur_volume(self):
        self.follow_head_comment("deblur_volume")
        self.assertEqual(shapes(self.folder / "runs" / "deblur_volume" / "restored.h5"),
                         {"restored": (1, 1, 32, 128, 128)})

    def test_deblur_volume_with_a_measured_point_spread_function(self):
        """With the nodes that the head comment gives, taken from there."""
        file = self.sample("microscopy/bars_25pct.h5")
        text = (ROOT / "pipelines" / "deblur_volume.yaml").read_text(encoding="utf-8")
        instead = re.findall(r"^#   ((volumes|psf|blur): +\{.*\})$", text, re.MULTILINE)
        self.assertEqual([name for _, name in instead], ["volumes", "psf", "blur"])
        for name in ("volumes", "blur"):
            text, count = re.subn(rf"^  {name}:\n(    .*\n)+", "", text, flags=re.MULTILINE)
            self.assertEqual(count, 1)
        nodes = "".join(f"  {line}\n".replace("cell.h5", str(file)) for line, _ in instead)
        changed = self.folder / "measured.yaml"
        changed.write_text(text.replace("nodes:\n", "nodes:\n" + nodes), encoding="utf-8")
        self.run_file(changed, "--set", "vars.noise=1400")
        self.assertEqual(shapes(self.folder / "run" / "restored.h5"),
                         {"restored": (1, 1, 32, 64, 64)})

    def test_train_cae(self):
        printed = self.follow_head_comment("train_cae")
        losses = column(printed, "train.checks", "loss")
        self.assertEqual(len(losses), 2)
        self.assertLess(losses[1], losses[0])
        self.assertTrue((self.folder / "runs" / "train_cae" / "weights.h5").exists())

    def test_rate_distortion(self):
        printed = self.follow_head_comment("rate_distortion")
        self.assertGreater(first_value(printed, "mean_rate.summary"), 0)
        self.assertEqual(shapes(self.folder / "runs" / "rate_distortion" / "decoded.h5"),
                         {"decoded": (2, 3, 512, 512)})

    def test_rate_distortion_of_a_published_checkpoint(self):
        """Rate and PSNR that were measured with the program that trained it, in bfloat16."""
        photos = self.sample("test/set47_bsd")
        weights = photos.parents[2] / "weights" / "cae_mbt2018-mean_n64_m128_l0130.pth.tar"
        first = self.folder / "first"
        first.mkdir()
        for picture in sorted(photos.glob("*.jpg"))[:24]:
            (first / picture.name).symlink_to(picture)
        printed = self.run_pipeline("rate_distortion", "--set", f"vars.photos={first}/*.jpg",
                                    "--set", f"vars.weights={weights}")
        self.assertAlmostEqual(first_value(printed, "mean_rate.summary"), 0.636, delta=0.002)
        self.assertAlmostEqual(first_value(printed, "mean_quality.summary"), 29.34, delta=0.04)


if __name__ == "__main__":
    unittest.main()
