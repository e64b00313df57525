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
            unit, text = written[name]
            if parameter.get("unit", "") not in (unit, "1") and "[" + parameter["unit"] not in text:
                yield f"'{name}' has the unit [{parameter['unit']}], the manual says [{unit}]"
            value = parameter.get("default")
            if isinstance(value, (str, int, float)) \
                    and not any(same(d, value) for d in re.findall(r"\bdefault (\S+)", text)):
                yield f"'{name}' has the default {value}; the manual says: {text}"
            if parameter["required"] and "required" not in text:
                yield f"'{name}' is required; the manual says: {text}"
            if "range" in parameter and range_as_written(parameter["range"]) not in text:
                yield f"'{name}' must be {parameter['range']}; the manual says: {text}"


if __name__ == "__main__":
    unittest.main()
