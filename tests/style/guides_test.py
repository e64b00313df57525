"""What README and the guides print is what files say and what the program does.

A fenced block whose first line has `title="FILE"` is a part of that file, word for word. Every other
YAML block is a whole pipeline that passes `pellucid check`. A `console` block is run, command for
command, and prints what stands there; `...` stands for any text. The blocks of a page share a folder
with `pipelines/` and photographs in `data/`; a pipeline is there under the name that is told before
it: "`first.yaml`:". A `sh` block, which builds things, must name commands of `./dev` that exist.

usage: guides_test.py PELLUCID
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import tree

PROGRAM = Path(sys.argv.pop(1)).resolve()
PAGES = [tree.ROOT / "README.md", tree.ROOT / "CONTRIBUTING.md",
         *sorted((tree.ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w*)(?: title=\"([^\"\n]*)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")

# Stands in for the script of the tree, which would build first.
DEV = """#!/bin/sh
[ "$1" = pellucid ] || exit 1
shift
exec pellucid "$@"
"""
PHOTOGRAPHS = """pellucid: 1
nodes:
  scene: {use: io/scene, with: {items: 2, size: 64}}
  save: {use: io/save, in: {photo: scene}, with: {to: photos.h5, png: true}}
"""


def blocks(page):
    """Language, title and text of each fenced block, and the line before it that says something."""
    text = tree.text(page)
    for match in BLOCK.finditer(text):
        before = text[:match.start()].rstrip().splitlines()
        yield match.group(1), match.group(2), match.group(3), before[-1] if before else ""


def is_part(lines, of_lines):
    return any(of_lines[i:i + len(lines)] == lines for i in range(len(of_lines)))


def pattern(printed):
    """A regular expression for output in which `...` is any text and spaces are of any width."""
    words = [".*".join(map(re.escape, re.sub(r"\s+", " ", printed).strip().split("...")))]
    return re.compile("".join(words), re.DOTALL)


def transcripts(text):
    """Pairs of command and output of a console block."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        while command.endswith("\\"):
            more, _, output = output.partition("\n")
            command = command[:-1] + more
        yield command, output


class Guides(unittest.TestCase):
    def check(self, faults):
        if faults:
            self.fail("\n" + "\n".join(faults))

    def folder_for(self, page):
        folder = Path(tempfile.mkdtemp(prefix=f"pellucid-{page.stem}-"))
        self.addCleanup(shutil.rmtree, folder)
        (folder / "pipelines").symlink_to(tree.ROOT / "pipelines")
        (folder / "dev").write_text(DEV, encoding="utf-8")
        (folder / "dev").chmod(0o755)
        (folder / "bin").mkdir()
        (folder / "bin" / "pellucid").symlink_to(PROGRAM)
        (folder / "photographs.yaml").write_text(PHOTOGRAPHS, encoding="utf-8")
        code, said = self.call(folder, "pellucid run photographs.yaml --run data --quiet")
        self.assertEqual(code, 0, said)
        return folder

    def call(self, folder, command):
        path = f"{folder / 'bin'}:{os.environ['PATH']}"
        done = subprocess.run(["sh", "-c", command], cwd=folder, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env={**os.environ, "PATH": path})
        return done.returncode, done.stdout

    def test_a_quoted_file_says_what_is_printed(self):
        faults = []
        for page in PAGES:
            for _, title, text, _ in blocks(page):
                if title is None:
                    continue
                file = (page.parent / title).resolve()
                if not file.is_file():
                    faults.append(f"{tree.name(page)}: there is no '{title}'")
                elif not is_part(text.splitlines(), tree.text(file).splitlines()):
                    faults.append(f"{tree.name(page)}: '{title}' does not say:\n{text}")
        self.check(faults)

    def test_pipelines_pass_and_commands_print_what_stands_there(self):
        for page in PAGES:
            kinds = {kind for kind, title, _, _ in blocks(page) if title is None}
            if kinds & {"yaml", "console"}:
                with self.subTest(page=tree.name(page)):
                    self.follow(page, self.folder_for(page))

    def follow(self, page, folder):
        faults = []
        for kind, title, text, before in blocks(page):
            if kind == "yaml" and title is None:
                named = re.search(r"`(\w+\.yaml)`:$", before)
                name = named.group(1) if named else "pipeline.yaml"
                (folder / name).write_text(text, encoding="utf-8")
                code, said = self.call(folder, f"pellucid check {name}")
                if code != 0:
                    faults.append(f"pellucid check of\n{text}says\n{said}")
            elif kind == "console":
                for command, printed in transcripts(text):
                    _, said = self.call(folder, command)
                    if not pattern(printed).fullmatch(re.sub(r"\s+", " ", said).strip()):
                        faults.append(f"$ {command}\nprints\n{said}and not\n{printed}")
        self.check(faults)

    def test_commands_of_dev_exist(self):
        usage = subprocess.run([tree.ROOT / "dev", "--help"], check=True, text=True,
                               stdout=subprocess.PIPE).stdout
        known = set(re.findall(r"^  (\w+) ", usage, re.MULTILINE))
        faults = []
        for page in PAGES:
            faults += [f"{tree.name(page)}: ./dev {name}"
                       for name in re.findall(r"\./dev (\w+)", tree.text(page)) if name not in known]
        self.check(faults)

    def test_links_lead_somewhere(self):
        faults = []
        for page in PAGES:
            faults += [f"{tree.name(page)} links to {link}" for link in LINK.findall(tree.text(page))
                       if not (page.parent / link).exists()]
        self.check(faults)


if __name__ == "__main__":
    unittest.main()
