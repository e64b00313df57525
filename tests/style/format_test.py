"""The C++ sources are formatted. Skipped without the clang-format that decides: others, of the same
settings, break some lines elsewhere."""

import re
import shutil
import subprocess
import unittest

import tree

VERSION = "14"  # Debian 12's


class Format(unittest.TestCase):
    def test_clang_format_would_change_nothing(self):
        program = shutil.which(f"clang-format-{VERSION}") or shutil.which("clang-format")
        if not program:
            self.skipTest("there is no clang-format")
        said = subprocess.run([program, "--version"], stdout=subprocess.PIPE, text=True,
                              check=True).stdout
        if not re.search(rf"version {VERSION}\.", said):
            self.skipTest(f"clang-format {VERSION} decides; here is {said.strip()}")
        sources = tree.files("framework", "plugins", "tests", "docs")
        done = subprocess.run([program, "--dry-run", "--Werror", *sources], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 0, "./dev format would mend this:\n" + done.stdout)


if __name__ == "__main__":
    unittest.main()
