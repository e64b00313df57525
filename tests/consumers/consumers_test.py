"""Pellucid as others get it: installed, moved, extended by a plugin and embedded in a program.

usage: consumers_test.py BUILD_FOLDER
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
EXAMPLES = ROOT / "docs" / "examples"
BUILD = Path(sys.argv.pop(1)).resolve()


def call(*command, expect=0, **options):
    """Runs a command; its output, or a failure that shows it."""
    # A consumer's environment knows nothing of the build tree.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PELLUCID_")}
    environment["PELLUCID_CACHE"] = str(Consumers.folder / "cache")
    environment.update(options.pop("environment", {}))
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, env=environment, **options)
    if done.returncode != expect:
        raise AssertionError(f"{' '.join(map(str, command))} gave {done.returncode}:\n{done.stdout}")
    return done.stdout


class Consumers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="pellucid-consumers-"))
        # Installed in one place, used in another: nothing may remember where it was installed.
        call("cmake", "--install", BUILD, "--prefix", cls.folder / "first")
        cls.prefix = cls.folder / "moved"
        (cls.folder / "first").rename(cls.prefix)
        cls.program = cls.prefix / "bin" / "pellucid"

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def build(self, project):
        """Builds one of the examples against the installation."""
        built = self.folder / f"build-{project}"
        call("cmake", "-G", "Ninja", "-S", EXAMPLES / project, "-B", built,
             "-DCMAKE_BUILD_TYPE=Release", "-DBUILD_TESTING=OFF",
             f"-DCMAKE_PREFIX_PATH={self.prefix}")
        call("cmake", "--build", built)
        return built

    def libraries_of(self, *command):
        """Every library that the loader opened for a command."""
        log = Path(tempfile.mkdtemp(dir=self.folder)) / "loader"
        call(*command, environment={"LD_DEBUG": "files", "LD_DEBUG_OUTPUT": str(log)})
        lines = "".join(p.read_text(errors="replace") for p in log.parent.iterdir()).splitlines()
        return {Path(line.split("calling init: ")[1]).resolve()
                for line in lines if "calling init: /" in line}

    def test_the_installation_loads_nothing_from_the_build_tree(self):
        opened = self.libraries_of(self.program, "describe", "operators/convolution")
        self.assertIn(next(self.prefix.rglob("libpellucid.so")).resolve(), opened)
        self.assertIn(next(self.prefix.rglob("operators.so")).resolve(), opened)
        self.assertFalse([p for p in opened if p.is_relative_to(BUILD)])

    def test_the_installation_works_without_the_build_tree(self):
        hide = ["unshare", "--map-root-user", "--mount", "sh", "-c",
                'mount -t tmpfs none "$0" && exec "$@"', str(BUILD)]
        if subprocess.run([*hide, "true"], capture_output=True).returncode != 0:
            self.skipTest("this machine allows no mount namespaces")
        call(*hide, self.program, "run", HERE / "installed.yaml", "--run", self.folder / "hidden")
        self.assertTrue((self.folder / "hidden" / "camera.h5").is_file())

    def test_no_installed_file_names_the_build_tree(self):
        for path in self.prefix.rglob("*"):
            if path.is_file() and path.suffix in (".cmake", ".h", ".so"):
                self.assertNotIn(str(BUILD).encode(), path.read_bytes(), path)

    def test_a_plugin_from_outside_runs_in_a_pipeline(self):
        built = self.build("plugin")
        described = call(self.program, "describe", "filters/gaussian_blur",
                         "--plugin-path", built / "plugins")
        self.assertIn("sigma", described)
        call(self.program, "run", EXAMPLES / "plugin" / "blur.yaml", "--run", self.folder / "outside",
             "--plugin-path", built / "plugins")
        self.assertTrue((self.folder / "outside" / "camera.h5").is_file())

        call("cmake", "--install", built, "--prefix", self.prefix)
        call(self.program, "check", EXAMPLES / "plugin" / "blur.yaml")

    def test_the_guide_to_plugins_says_how(self):
        """Its commands, all of them, run as they stand there; `~/pellucid` is ours."""
        guide = (ROOT / "docs" / "guide" / "plugins.md").read_text(encoding="utf-8")
        commands = "".join(re.findall(r"^```sh\n(.*?)^```", guide, re.MULTILINE | re.DOTALL))
        home = self.folder / "home"
        home.mkdir()
        (home / "pellucid").symlink_to(self.prefix)
        said = call("sh", "-ec", commands, cwd=ROOT, environment={"HOME": str(home)})
        self.assertEqual(said.count("100% tests passed, 0 tests failed out of 2"), 2, said)
        self.assertIn("Differences of neighbouring samples", said)
        self.assertIn("version 1.0.0", said)
        self.assertTrue((home / "edges" / "runs" / "edges" / "camera.h5").is_file())
        for library in self.prefix.rglob("edges.so"):
            library.unlink()

    def test_a_new_plugin_of_each_kind_builds_and_passes_its_tests(self):
        """All in one project, which begins with a plugin of each kind."""
        made = self.folder / "made"
        made.mkdir()
        kinds = ["operator", "stage", "reducer", "prior", "denoiser", "functional"]
        for kind in kinds:
            call(self.program, "new-plugin", f"my_{kind}", "--kind", kind, cwd=made)
        (made / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.25)\nproject(Made LANGUAGES CXX)\ninclude(CTest)\n" +
            "".join(f"add_subdirectory(my_{kind})\n" for kind in kinds), encoding="utf-8")
        built = made / "build"
        call("cmake", "-G", "Ninja", "-S", made, "-B", built, "-DCMAKE_BUILD_TYPE=Release",
             f"-DCMAKE_PREFIX_PATH={self.prefix}")
        call("cmake", "--build", built)
        said = call("ctest", "--test-dir", built, "--output-on-failure")
        self.assertIn(f"100% tests passed, 0 tests failed out of {2 * len(kinds)}", said)
        for kind in kinds:
            junit = built / f"my_{kind}" / "conformance" / f"my_{kind}.xml"
            self.assertIn("<testsuite ", junit.read_text(encoding="utf-8"))

    def test_the_host_in_the_build_tree_loads_the_plugin_from_outside(self):
        built = self.build("plugin")
        described = call(BUILD / "bin" / "pellucid", "describe", "filters/gaussian_blur",
                         "--plugin-path", built / "plugins")
        self.assertIn("sigma", described)

    def test_a_plugin_with_a_checked_standard_library_is_refused(self):
        built = self.folder / "checked"
        call("cmake", "-G", "Ninja", "-S", EXAMPLES / "plugin", "-B", built,
             "-DBUILD_TESTING=OFF", "-DCMAKE_CXX_FLAGS=-D_GLIBCXX_DEBUG",
             "-DCMAKE_MODULE_LINKER_FLAGS=-Wl,--warn-unresolved-symbols",
             f"-DCMAKE_PREFIX_PATH={self.prefix}")
        call("cmake", "--build", built)
        said = call(self.program, "describe", "filters/gaussian_blur",
                    "--plugin-path", built / "plugins", expect=3)
        self.assertIn("checked_stl: host 0, plugin 1", said)

    def test_the_example_of_embedding_restores_images(self):
        built = self.build("embed")
        command = [built / "embed", EXAMPLES / "embed" / "deblur.yaml", self.folder / "embed"]
        said = call(*command)
        self.assertIn("restores 3 x float32", said)
        self.assertRegex(said, r"item +psnr \[dB\] +ssim\n +0 +\d\d\.\d\d +0\.\d\d\d")
        self.assertIn("in memory as in the run: yes", said)
        self.assertIn("the run was finished before", call(*command))
        call(*command, "wiener.noise=-1", expect=2)


if __name__ == "__main__":
    unittest.main()
