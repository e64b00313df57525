"""What `pellucid schema` prints, judged by a validator that knows nothing of Pellucid.

    json_schema_test.py PELLUCID SOURCE_FOLDER
"""

import pathlib
import subprocess
import sys
import unittest

import jsonschema
import yaml

PELLUCID, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2])
# Kinds of broken pipelines in the corpus that a schema can tell, and among them those that it
# cannot, because the fault comes through a variable, a sweep or the rules of arithmetic.
FAULTS = ["text/unknown_keys", "text/wrong_types", "text/names", "text/bad_units",
          "plan/unknown_components", "plan/parameter_types", "plan/out_of_range",
          "plan/unknown_parameters", "plan/units_of_parameters"]
UNSEEN = {"through_a_variable", "through_arithmetic", "at_one_point_of_a_sweep", "mixed_sum",
          "not_finite"}
PIPELINE = """
pellucid: 1
settings: {device: cpu, seed: 1, memory: 4 GiB, threads: auto, block: 16 MiB, tile: [64, 64]}
vars: {sigma: 7.65/255, photos: "${PELLUCID_DATA:-data}/test"}
nodes:
  truth: {use: io/images, with: {path: "${photos}/*.jpg"}}
  blur: {use: operators/convolution, with: {kernel: {gaussian: {std: 3}}, boundary: reflect}}
  camera: {use: operators/measure, in: {x: truth, A: blur}, with: {noise: {gaussian: "${sigma}"}}}
  wiener: {use: deconvolution/wiener, in: {y: camera, A: blur}, with: {noise: "${sigma}"},
           timeout: 30 s, nonfinite: allow}
  save: {use: io/save, in: {x: wiener}, with: {to: restored.h5}}
sweep:
  - {wiener.noise: [0.1, 1/255]}
  - [{label: a, set: {blur.kernel: {gaussian: 2}}}, {label: b, set: {blur.boundary: circular}}]
keep: [camera, wiener.x]
"""


def schema():
    return yaml.safe_load(subprocess.run([PELLUCID, "schema"], check=True, text=True,
                                         stdout=subprocess.PIPE).stdout)


class JsonSchema(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.validator = jsonschema.Draft202012Validator(schema())

    def faults(self, text):
        return [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:300]}"
                for e in self.validator.iter_errors(yaml.safe_load(text))]

    def changed(self, old, new):
        self.assertIn(old, PIPELINE)
        return PIPELINE.replace(old, new)

    def test_it_is_a_schema(self):
        jsonschema.Draft202012Validator.check_schema(self.validator.schema)

    def test_it_accepts_the_language(self):
        self.assertEqual([], self.faults(PIPELINE))

    def test_it_accepts_every_shipped_pipeline(self):
        for path in sorted(SOURCE.glob("pipelines/**/*.yaml")):
            with self.subTest(path.name):
                self.assertEqual([], self.faults(path.read_text()))

    def test_it_rejects_wrong_keys_types_ranges_and_shapes(self):
        for old, new in [
            ("pellucid: 1", "pellucid: 2"),
            ("pellucid: 1", "pelucid: 1"),
            ("keep:", "kep:"),
            ("keep: [camera, wiener.x]", "keep: camera"),
            ("device: cpu", "device: gpu"),
            ("seed: 1", "seed: -1"),
            ("seed: 1", "seed: one"),
            ("seed: 1", "sed: 1"),
            ("memory: 4 GiB", "memory: 4 kg"),
            ("memory: 4 GiB", "memory: 4"),
            ("threads: auto", "threads: 0"),
            ("tile: [64, 64]", "tile: 64"),
            ("tile: [64, 64]", "tile: [64]"),
            ("use: io/images", "use: images"),
            ("use: io/images", "user: io/images"),
            ("use: io/images", "use: io/imags"),
            ("use: io/images", "use: foreign/images"),
            ("truth: {", "a.b: {"),
            ("  truth: {", "  settings: {"),
            ("with: {path: ", "width: {path: "),
            ('path: "${photos}/*.jpg"', "pth: x"),
            ("with: {kernel: {gaussian: {std: 3}}, boundary: reflect}", "with: 3"),
            ("{std: 3}", "{std: -3}"),
            ("{std: 3}", "{std: .inf}"),
            ("{std: 3}", "{std: 3 nm}"),
            ("{std: 3}", "{std: wide}"),
            ("{std: 3}", "{sdt: 3}"),
            ("kernel: {gaussian: {std: 3}}", "kernel: {gausian: 3}"),
            ("boundary: reflect", "boundary: mirror"),
            ("in: {x: truth, A: blur}", "in: [truth, blur]"),
            ("in: {x: truth, A: blur}", "in: {x: truth, B: blur}"),
            ("in: {x: wiener}", "in: {x: [wiener]}"),
            ("timeout: 30 s", "timeout: 30 px"),
            ("timeout: 30 s", "timeout: -30 s"),
            ("nonfinite: allow", "nonfinite: maybe"),
            ("{wiener.noise: [0.1, 1/255]}", "{wiener.noise: 0.1}"),
            ("{wiener.noise: [0.1, 1/255]}", "{settings.seed: [1, 2]}"),
            ("label: a, ", ""),
            ("label: a, ", "lable: a, "),
        ]:
            with self.subTest(new):
                self.assertNotEqual([], self.faults(self.changed(old, new)))

    def test_it_rejects_the_broken_pipelines_whose_fault_it_can_see(self):
        corpus = SOURCE / "tests" / "framework" / "pipeline" / "corpus"
        for kind in FAULTS:
            files = [p for p in sorted((corpus / kind).glob("*.yaml")) if p.stem not in UNSEEN]
            self.assertTrue(files, kind)
            for path in files:
                with self.subTest(f"{kind}/{path.name}"):
                    self.assertNotEqual([], self.faults(path.read_text()))

    def test_it_accepts_substitutions_where_scalars_stand(self):
        for old, new in [
            ("seed: 1", 'seed: "${SEED}"'),
            ("device: cpu", 'device: "${DEVICE:-cpu}"'),
            ("{std: 3}", '{std: "2*${sigma} px"}'),
            ("boundary: reflect", 'boundary: "${b}"'),
            ("timeout: 30 s", 'timeout: "${t}"'),
        ]:
            with self.subTest(new):
                self.assertEqual([], self.faults(self.changed(old, new)))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
