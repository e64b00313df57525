"""The manual: every component and all that it declares has its place, and every link leads there.

usage: site_test.py PELLUCID
"""

import html.parser
import json
import posixpath
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import jsonschema
import yaml

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = str(Path(sys.argv.pop(1)).resolve())
sys.path.insert(0, str(ROOT / "docs" / "site"))

from make import Pages  # noqa: E402
from reference import example, flow, type_of  # noqa: E402

VOID = {"br", "hr", "img", "link", "meta"}


def said(*arguments):
    return subprocess.run([PROGRAM, *arguments], check=True, text=True,
                          stdout=subprocess.PIPE).stdout


def words_of(text):
    return set(re.findall(r"\w+", text.lower()))


class Page(html.parser.HTMLParser):
    """Identifiers, links, text and faults of a page."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.words, self.faults, self.open = [], [], [], [], []
        self.tags = set()
        self.feed(path.read_text(encoding="utf-8"))
        self.faults += [f"<{tag}> stays open" for tag in self.open]
        self.text = "".join(self.words)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            elif name in ("href", "src"):
                self.links.append((name, value))

    def handle_endtag(self, tag):
        if not self.open or self.open[-1] != tag:
            self.faults.append(f"</{tag}> closes {self.open[-1:]}, line {self.getpos()[0]}")
        else:
            self.open.pop()
        if tag in ("td", "dt", "dd", "li"):
            self.words.append(" ")

    def handle_data(self, data):
        self.words.append(data)


def paths_of(parameters, prefix=""):
    """Every parameter and alternative, nested ones as `kernel.gaussian.std`."""
    for parameter in parameters:
        path = prefix + parameter["name"]
        yield path, parameter
        for part in parameter.get("parameters", []) + parameter.get("alternatives", []):
            yield from paths_of([part], path + ".")


class Manual(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="pellucid-docs-")
        cls.folder = Path(cls.temporary.name)
        Pages(PROGRAM, cls.folder).write()
        cls.components = json.loads(said("describe", "--all", "--json"))["components"]
        cls.pages = {p.relative_to(cls.folder).as_posix(): Page(p)
                     for p in sorted(cls.folder.rglob("*.html"))}

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def check(self, faults):
        if faults:
            self.fail("\n" + "\n".join(faults))

    def page_of(self, component):
        return self.pages[f"reference/{component['use']}.html"]

    def test_every_component_has_a_page_and_stands_in_the_index(self):
        index = [link for _, link in self.pages["reference/index.html"].links]
        self.assertGreater(len(self.components), 8)
        for component in self.components:
            self.assertIn(component["summary"], self.page_of(component).text)
            self.assertIn(component["use"] + ".html", index)

    def test_every_port_and_parameter_is_on_its_page(self):
        faults = []
        for component in self.components:
            page = self.page_of(component)
            wanted = {f"parameter-{path}" for path, _ in paths_of(component["parameters"])}
            for side in ("input", "output"):
                wanted |= {re.sub(r"[^\w-]+$", "", f"{side.replace('put', '')}-{port['name']}")
                           for port in component[side + "s"]}
            faults += [f"{component['use']}: {name}" for name in sorted(wanted - set(page.ids))]
            faults += [f"{component['use']}: {path} has no {key}"
                       for path, parameter in paths_of(component["parameters"])
                       for key in ("summary", "unit") if parameter.get(key, "") not in page.text]
        self.check(faults)

    def test_nothing_of_a_manual_page_is_lost(self):
        # Words of headings that the page has in another form.
        frame = {"Settings", "(keys", "in", "a", "pipeline", "file)", "Source:", "optional:"}
        faults = []
        for component in self.components:
            body = component["manual"].partition(": ")[2]
            written = " ".join(word for word in body.split() if word not in frame)
            lost = words_of(written) - words_of(self.page_of(component).text)
            faults += [f"{component['use']}: {word}" for word in sorted(lost)]
        self.check(faults)

    def test_every_link_leads_somewhere(self):
        faults = []
        for name, page in self.pages.items():
            for kind, link in page.links:
                if kind == "href" and link.startswith(("https://", "http://", "mailto:")):
                    continue
                path, _, anchor = link.partition("#")
                target = posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) \
                    if path else name
                if not (self.folder / target).is_file():
                    faults.append(f"{name}: {link}")
                elif anchor and target in self.pages and anchor not in self.pages[target].ids:
                    faults.append(f"{name}: {link} has no such place")
        self.check(faults)

    def test_pages_are_well_formed_and_need_no_network_and_no_scripts(self):
        faults = []
        for name, page in self.pages.items():
            faults += [f"{name}: {fault}" for fault in page.faults]
            faults += [f"{name}: the id {i} stands there twice"
                       for i in set(page.ids) if page.ids.count(i) > 1]
            faults += [f"{name}: {link}" for kind, link in page.links
                       if kind == "src" and ":" in link]
            if "script" in page.tags:
                faults.append(f"{name}: has a script")
        self.check(faults)

    def test_every_page_can_be_reached_from_the_first(self):
        reached, waiting = set(), ["index.html"]
        while waiting:
            name = waiting.pop()
            if name in reached or name not in self.pages:
                continue
            reached.add(name)
            waiting += [posixpath.normpath(posixpath.join(posixpath.dirname(name),
                                                          link.partition("#")[0]))
                        for _, link in self.pages[name].links if ":" not in link]
        self.assertEqual(sorted(set(self.pages) - reached), [])

    def test_every_command_has_its_help(self):
        for command in ("run", "check", "describe", "doctor"):
            page = self.pages[f"commands/{command}.html"]
            self.assertIn(said(command, "--help").strip(), page.text)

    def test_examples_are_what_the_schema_allows(self):
        validator = jsonschema.Draft202012Validator(json.loads(said("schema")))
        faults = []
        for component in self.components:
            node = yaml.safe_load(example(component))
            faults += [f"{component['use']}: {error.message[:300]}" for error in
                       validator.iter_errors({"pellucid": 1, "nodes": node})]
        self.check(faults)


class Links(unittest.TestCase):
    def test_one_that_leads_nowhere_stops_the_build(self):
        with tempfile.TemporaryDirectory() as folder:
            pages = Pages(PROGRAM, Path(folder))
            pages.gather()
            with self.assertRaisesRegex(SystemExit, "README.md links to 'docs/none.md'"):
                pages.rendered("README.md", "# Title\n\nSee [this](docs/none.md).\n")

    def test_one_to_another_page_is_relative_to_this_one(self):
        with tempfile.TemporaryDirectory() as folder:
            pages = Pages(PROGRAM, Path(folder))
            pages.gather()
            body = pages.rendered("docs/guide/runs.md",
                                  "# T\n\n[a](plugins.md#x), [b](../../README.md), `io/save`\n")
            for link in ("plugins.html#x", "../index.html", "../reference/io/save.html"):
                self.assertIn(f'href="{link}"', body)


class Values(unittest.TestCase):
    def test_are_yaml_in_one_line(self):
        kernel = {"gaussian": {"std": [1.0, 0.5], "radius": None}}
        self.assertEqual(flow(kernel), "{gaussian: {std: [1, 0.5]}}")
        for value in (True, [0.25, 3], "reflect"):
            self.assertEqual(yaml.safe_load(flow(value)), value)


class Types(unittest.TestCase):
    def test_lists_say_how_many_of_what(self):
        entries = {"type": "enumeration", "names": ["a", "b"]}
        self.assertEqual(type_of({"type": "list", "entries": entries, "least_count": 1,
                                  "most_count": 3}), "list of 1 to 3 times one of a, b")
        self.assertEqual(type_of({"type": "list", "entries": {"type": "real"}}), "list of real")


if __name__ == "__main__":
    unittest.main()
