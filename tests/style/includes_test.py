"""Includes point the right way, and each heavy library is known to one folder."""

import unittest

import tree

# What each folder of framework/ may include of the others.
BASE = {"base"}
BELOW_PLAN = BASE | {"pipeline", "plugin", "isolation"}
MAY_INCLUDE = {
    "base": BASE,
    "pipeline": BASE | {"pipeline"},
    "plugin": BASE | {"plugin"},
    "isolation": BASE | {"plugin", "isolation"},
    "plan": BELOW_PLAN | {"plan"},
    "buffers": BELOW_PLAN | {"buffers"},
    "run": BELOW_PLAN | {"plan", "buffers", "run"},
    "conformance": BELOW_PLAN | {"plan", "buffers", "run", "conformance"},
    "cli": BELOW_PLAN | {"plan", "buffers", "run", "conformance", "cli"},
}

# What tests of plugins may include of the framework beside the SDK: nothing that a plugin could use.
FOR_TESTS = {"base/temporary_folder.h"}

# The one folder that knows a library.
KNOWN_TO = {
    "hdf5": "framework/buffers/",
    "boost/graph": "framework/plan/",
    "boost/dll": "framework/plugin/",
    "yaml-cpp/": "framework/pipeline/",
}

TORCH = ("ATen/", "torch/", "c10/")


def is_torch(included):
    return included.startswith(TORCH)


class Includes(unittest.TestCase):
    def check(self, faults):
        if faults:
            self.fail("\n" + "\n".join(faults))

    def test_the_framework_includes_downwards_only(self):
        faults = []
        for folder, allowed in MAY_INCLUDE.items():
            for path in tree.files(f"framework/{folder}"):
                for delimiter, included in tree.includes(path):
                    other = included.split("/")[0]
                    if delimiter == '"' and other in MAY_INCLUDE and other not in allowed:
                        faults.append(f"{tree.name(path)} includes {included}")
        self.check(faults)

    def test_the_sdk_includes_itself_the_standard_library_and_the_tensor(self):
        faults = []
        for path in tree.files("framework/include"):
            for delimiter, included in tree.includes(path):
                standard = delimiter == "<" and "/" not in included and "." not in included
                if not (standard or included.startswith("pellucid/")
                        or included == "ATen/core/Tensor.h"):
                    faults.append(f"{tree.name(path)} includes {included}")
        self.check(faults)

    def test_a_plugin_sees_the_sdk_and_its_own_folder(self):
        faults = []
        for path in tree.files("plugins"):
            for delimiter, included in tree.includes(path):
                ours = tree.resolved(path, delimiter, included)
                if ours and not (ours.is_relative_to(tree.SDK) or ours.parent == path.parent):
                    faults.append(f"{tree.name(path)} includes {included}")
        self.check(faults)

    def test_plugins_are_tested_as_users_get_them(self):
        faults = []
        for path in tree.files("tests/plugins"):
            for delimiter, included in tree.includes(path):
                ours = tree.resolved(path, delimiter, included)
                if ours and ours.is_relative_to(tree.ROOT / "framework") \
                        and not ours.is_relative_to(tree.SDK) and included not in FOR_TESTS:
                    faults.append(f"{tree.name(path)} includes {included}")
        self.check(faults)

    def test_each_heavy_library_is_known_to_one_folder(self):
        faults = []
        for path in tree.files("framework", "plugins"):
            for _, included in tree.includes(path):
                for library, folder in KNOWN_TO.items():
                    if included.startswith(library) and not tree.name(path).startswith(folder):
                        faults.append(f"{tree.name(path)} includes {included}, known to {folder}")
        self.check(faults)

    def test_no_source_sees_the_log_library_and_torch(self):
        """libtorch brings a fmt that would shadow the one spdlog was built with."""
        faults = []
        for path in tree.files("framework", "plugins", "tests", suffixes=(".cpp",)):
            seen = tree.reached(path)
            if any(i.startswith(("spdlog/", "fmt/")) for i in seen) and any(map(is_torch, seen)):
                faults.append(f"{tree.name(path)} includes spdlog and torch")
        self.check(faults)

    def test_the_small_program_sees_no_torch(self):
        seen = tree.reached(tree.ROOT / "framework" / "cli" / "main.cpp")
        self.assertFalse([i for i in seen if is_torch(i)])

    def test_nothing_includes_all_of_torch(self):
        faults = [tree.name(p) for p in tree.files("framework", "plugins", "tests")
                  if any(i == "torch/torch.h" for _, i in tree.includes(p))]
        self.check(faults)


if __name__ == "__main__":
    unittest.main()
