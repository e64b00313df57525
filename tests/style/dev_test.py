"""The script `dev`, in a tree of its own: `./dev pellucid` runs what the sources say now (with a real
ninja, and a build that takes milliseconds), and builds are strict where CI asks for it."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import tree

# `pellucid` and `plugins` as in the real build; a "source" is a script, "building" copies it.
BUILD = """rule build
  command = test ! -e broken && cp $in $out
build bin/pellucid: build ../../program.sh
build plugins/plugin: build ../../plugin.sh
build pellucid: phony bin/pellucid
build plugins: phony plugins/plugin
"""


class Dev(unittest.TestCase):
    def setUp(self):
        self.root = Path(tempfile.mkdtemp(prefix="pellucid-dev-"))
        self.addCleanup(shutil.rmtree, self.root)
        shutil.copy(tree.ROOT / "dev", self.root)
        self.build = self.root / "build" / "release"
        for folder in (self.build / "bin", self.build / "plugins", self.root / "elsewhere"):
            folder.mkdir(parents=True)
        (self.build / "build.ninja").write_text(BUILD)
        self.write("program.sh", f'#!/bin/sh\necho "$*" in "$PWD"; . {self.build}/plugins/plugin\n')
        self.write("plugin.sh", "echo first\n")

    def write(self, name, text):
        (self.root / name).write_text(text)
        (self.root / name).chmod(0o755)

    @staticmethod
    def environment(**changes):
        ours = {k: v for k, v in os.environ.items() if k not in ("CI", "PELLUCID_NO_BUILD")}
        return {**ours, **changes}

    def run_program(self, **environment):
        return subprocess.run([self.root / "dev", "pellucid", "check", "a b"], text=True,
                              cwd=self.root / "elsewhere", capture_output=True, check=False,
                              env=self.environment(**environment))

    def test_what_was_edited_is_built_first_and_nothing_is_said_otherwise(self):
        expected = f"check a b in {self.root / 'elsewhere'}\n"
        self.assertEqual(self.run_program().stdout, expected + "first\n")
        again = self.run_program()
        self.assertEqual((again.stdout, again.stderr), (expected + "first\n", ""))
        self.write("plugin.sh", "echo second\n")
        self.assertEqual(self.run_program(PELLUCID_NO_BUILD="1").stdout, expected + "first\n")
        self.assertEqual(self.run_program().stdout, expected + "second\n")

    def test_a_build_that_was_cut_short_is_completed(self):
        shutil.copy(self.root / "program.sh", self.build / "bin" / "pellucid")
        self.assertTrue(self.run_program().stdout.endswith("first\n"))

    def test_what_cannot_be_built_is_not_run(self):
        self.run_program()
        (self.build / "broken").touch()
        self.write("plugin.sh", "echo second\n")
        failed = self.run_program()
        self.assertEqual((failed.returncode, failed.stdout), (1, ""))
        self.assertIn("PELLUCID_NO_BUILD=1 runs what was built last", failed.stderr)

    def configuration(self, **environment):
        """What `./dev build` tells cmake first, apart from its search for libtorch."""
        (self.root / "third_party").mkdir(exist_ok=True)
        (self.root / "third_party" / "packages.txt").touch()
        shutil.copy(tree.ROOT / "CMakePresets.json", self.root)
        self.write("cmake", f'#!/bin/sh\necho "$@" >> {self.root}/said\n')
        (self.root / "said").write_text("")
        path = f"{self.root}:{os.environ['PATH']}"
        subprocess.run([self.root / "dev", "build"], check=True, capture_output=True,
                       env=self.environment(PATH=path, **environment))
        said = (self.root / "said").read_text().splitlines()
        return next(line for line in said if line.startswith("--preset"))

    def test_a_warning_is_an_error_where_changes_are_accepted(self):
        self.assertEqual(self.configuration(), "--preset release")
        self.assertEqual(self.configuration(CI="true"),
                         "--preset release -DPELLUCID_WARNINGS_AS_ERRORS=ON -DPELLUCID_UNITY=ON")
        run = tree.text(tree.ROOT / ".ci" / "run")
        self.assertIn("export CI=true\nexec ./dev test", run)


if __name__ == "__main__":
    unittest.main()
