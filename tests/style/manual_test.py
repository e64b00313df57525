"""A component's manual page repeats its schema for the reader's sake: neither may drift.

usage: manual_test.py PELLUCID
"""

import json
import re
import subprocess
import sys
import unittest

PROGRAM = sys.argv.pop(1)


def entries(manual):
    """The settings of a manual page: name -> unit and text of its entry."""
    section = re.search(r"^Settings \(keys in a pipeline file\)\n((?:[ ]+.*\n)+)", manual, re.MULTILINE)
    found, current = {}, None
    for line in (section.group(1).splitlines() if section else []):
        start = re.match(r"  (\w+)(?: \[(.*?)\])?(?=\s)", line)
        if start:
            current = start.group(1)
            found[current] = [start.group(2) or "", line[start.end():]]
        elif current:
            found[current][1] += " " + line.strip()
    return {name: (unit, re.sub(r"\s+", " ", text)) for name, (unit, text) in found.items()}


def same(written, value):
    """Whether a default in a manual is the value of the schema."""
    written = written.rstrip(",;.")
    try:
        return float(written) == float(value)
    except (TypeError, ValueError):
        return written == (str(value).lower() if isinstance(value, bool) else str(value))


def range_as_written(text):
    """How manuals write a range: `in [0, inf]` is `>= 0`."""
    open_above = re.fullmatch(r"in \[(.*), inf\]", text)
    return f">= {open_above.group(1)}" if open_above else text


def standard_as_written(parameter):
    """The default of a parameter as manuals write it, or None: a choice by its name, a list of one
    entry by the entry, a group by those of its parameters."""
    value = parameter.get("default")
    if isinstance(value, dict):
        return next(iter(value), None) if "alternatives" in parameter else None
    if isinstance(value, list):
        return value[0] if len(value) == 1 else None
    return value


def parts_of(text, names):
    """What an entry says of each of its alternatives, `name: text`."""
    starts = [(m.start(), m.end(), m.group(1))
              for m in re.finditer(r"(?<!\w)(" + "|".join(map(re.escape, names)) + r"):(?=\s)", text)]
    ends = [start for start, _, _ in starts[1:]] + [len(text)]
    return {name: text[begin:end] for (_, begin, name), end in zip(starts, ends)}


def faults_of_value(path, parameter, unit, text):
    """How an entry of a manual and its parameter disagree."""
    if parameter.get("unit", "") not in (unit, "1") and "[" + parameter["unit"] not in text:
        yield f"'{path}' has the unit [{parameter['unit']}], the manual says [{unit}]"
    value = standard_as_written(parameter)
    if value is not None and not any(same(d, value) for d in re.findall(r"\bdefault (\S+)", text)):
        yield f"'{path}' has the default {value}; the manual says: {text}"
    if parameter["required"] and "required" not in text:
        yield f"'{path}' is required; the manual says: {text}"
    if "range" in parameter and range_as_written(parameter["range"]) not in text:
        yield f"'{path}' must be {parameter['range']}; the manual says: {text}"
    for name in parameter.get("names", []):
        if not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text):
            yield f"'{path}' may be {name}; the manual says: {text}"
    yield from faults_inside(path, parameter, text)


def faults_inside(path, parameter, text):
    """The same for the settings of a group, and of each alternative of a choice."""
    for inner in parameter.get("parameters", []):
        written = re.search(rf"(?:^|;) ?{re.escape(inner['name'])}\b([^;]*)", text.strip())
        if not written:
            yield f"the manual has no '{inner['name']}' in: {text}"
            continue
        unit = re.search(r"\[(.*?)\]", written.group(1))
        yield from faults_of_value(f"{path}.{inner['name']}", inner,
                                   unit.group(1) if unit else "", written.group(1))
    alternatives = parameter.get("alternatives", [])
    parts = parts_of(text, [alternative["name"] for alternative in alternatives])
    for alternative in alternatives:
        name = alternative["name"]
        if name in parts:
            yield from faults_inside(f"{path}.{name}", alternative, parts[name])
        else:
            yield f"'{path}' may be '{name}:'; the manual says: {text}"


class Manual(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        described = subprocess.run([PROGRAM, "describe", "--all", "--json"], check=True,
                                   stdout=subprocess.PIPE, text=True).stdout
        cls.components = json.loads(described)["components"]

    def test_manuals_repeat_the_schema(self):
        faults = []
        for component in self.components:
            faults += [f"{component['use']}: {fault}" for fault in self.faults_of(component)]
        if faults:
            self.fail("\n" + "\n".join(faults))

    def faults_of(self, component):
        written = entries(component["manual"])
        declared = {p["name"]: p for p in component["parameters"]}
        for name in written.keys() - declared.keys():
            yield f"the manual has a setting '{name}' that the schema has not"
        for name, parameter in declared.items():
            if name not in written:
                yield f"the manual has no entry '{name}'"
                continue
            yield from faults_of_value(name, parameter, *written[name])


class Drift(unittest.TestCase):
    """What the comparison finds inside of an entry."""

    WRITTEN = "gaussian: std [px], > 0, default 1; radius [px], >= 0 delta: the identity default delta"
    KERNEL = {
        "required": False, "default": {"delta": {}}, "alternatives": [
            {"name": "gaussian", "required": False, "parameters": [
                {"name": "std", "unit": "px", "range": "> 0", "required": False, "default": [1.0]},
                {"name": "radius", "unit": "px", "range": "in [0, inf]", "required": False}]},
            {"name": "delta", "required": False}]}

    def faults(self, old="", new=""):
        return list(faults_of_value("kernel", self.KERNEL, "", self.WRITTEN.replace(old, new)))

    def test_an_entry_that_agrees_has_none(self):
        self.assertEqual(self.faults(), [])

    def test_inside_a_choice_is_found(self):
        for old, new in [("default 1;", "default 2;"), ("> 0", ">= 0"), ("std [px]", "std [um]"),
                         ("radius", "reach"), (">= 0", ">= 1"), ("delta: ", "identity: "),
                         ("default delta", "default gaussian")]:
            self.assertEqual(len(self.faults(old, new)), 1, f"{old} -> {new}")


if __name__ == "__main__":
    unittest.main()
