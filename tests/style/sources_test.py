"""Every source is listed where it stands and has its test; headers keep the rules of the SDK."""

import re
import unittest

import tree

# Projects of their own, and files made by CMake.
APART = ("tests/consumers/", "tests/style/")


def listed_near(path):
    """Whether a CMakeLists.txt in the folder of a file, or above it, names the file."""
    for folder in path.parents:
        cmake_file = folder / "CMakeLists.txt"
        if cmake_file.is_file():
            if tree.lists(cmake_file, path):
                return True
        if folder == tree.ROOT:
            return False
    return False


def exported_classes(text):
    """Name and body of every class that crosses library borders."""
    for match in re.finditer(r"class PELLUCID_EXPORT (\w+)[^;{]*\{", text):
        depth, end = 1, match.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        yield match.group(1), text[match.end():end]


class Sources(unittest.TestCase):
    def check(self, faults):
        if faults:
            self.fail("\n" + "\n".join(faults))

    def test_every_source_is_listed_beside_it(self):
        self.check([tree.name(path)
                    for path in tree.files("framework", "plugins", "tests", suffixes=(".cpp",))
                    if not tree.name(path).startswith(APART) and not listed_near(path)])

    def test_every_component_has_its_test(self):
        """One without a class of its own, but of a header beside it, is tested with that."""
        faults = []
        for path in tree.files("plugins", suffixes=(".cpp",)):
            text = tree.text(path)
            if "PELLUCID_COMPONENT(" not in text:
                continue
            tested = path.stem
            if not re.search(r"^class ", text, re.MULTILINE):
                tested = re.search(r'^#include "(\w+)\.h"', text, re.MULTILINE).group(1)
            test = tree.ROOT / "tests" / path.relative_to(tree.ROOT)
            test = test.with_name(tested + "_test.cpp")
            if not test.is_file():
                faults.append(f"{tree.name(path)} has no {tree.name(test)}")
        self.check(faults)

    def test_every_folder_of_the_framework_has_tests(self):
        faults = []
        for folder in sorted({p.parent for p in tree.files("framework", suffixes=(".cpp",))}):
            mirror = tree.ROOT / "tests" / folder.relative_to(tree.ROOT)
            if not list(mirror.glob("*_test.cpp")):
                faults.append(f"{tree.name(folder)} has no test in {tree.name(mirror)}")
        self.check(faults)

    def test_a_component_opens_with_its_manual_page(self):
        faults = []
        for path in tree.files("plugins", suffixes=(".cpp",)):
            if "PELLUCID_COMPONENT(" in tree.text(path) \
                    and not tree.text(path).startswith(f"// {path.stem}: "):
                faults.append(f"{tree.name(path)} does not begin with '// {path.stem}: '")
        self.check(faults)

    def test_a_file_starts_with_what_it_is_for(self):
        """A .cpp file may leave that to its header."""
        self.check([tree.name(path) for path in tree.files("framework", "plugins")
                    if not tree.text(path).startswith("//")
                    and not (path.suffix == ".cpp" and path.with_suffix(".h").is_file())])

    def test_a_virtual_class_of_the_sdk_has_its_home_in_the_library(self):
        """Without a virtual function defined in a .cpp file, every library that includes the header
        gets type information of its own, and casts and catches across libraries may fail."""
        faults = []
        for path in tree.files("framework/include", suffixes=(".h",)):
            for name, body in exported_classes(tree.text(path)):
                virtual = re.findall(r"(?:virtual\s[^;{]*|[^;{}]*\boverride\b[^;{]*)[;{]", body)
                homes = [v for v in virtual if v.endswith(";") and "=" not in v.split(")")[-1]]
                if virtual and not homes:
                    faults.append(f"{tree.name(path)}: {name}")
        self.check(faults)

    def test_names_say_what_the_code_is_about(self):
        vague = re.compile(r"^(utils?|common|misc|helpers?)(_|\.|$)")
        self.check([tree.name(path) for path in tree.files("framework", "plugins", "tests")
                    if any(vague.match(part) for part in path.relative_to(tree.ROOT).parts)])

    def test_nothing_is_left_for_later_without_an_issue(self):
        self.check([tree.name(path) for path in tree.files("framework", "plugins", "tests")
                    if re.search(r"\b(TODO|FIXME|XXX)\b(?!\(#\d+\))", tree.text(path))])


if __name__ == "__main__":
    unittest.main()
