"""Writes the manual as HTML pages that need neither network nor scripts.

usage: make.py PELLUCID FOLDER

The guides, the pages on the design and the texts of the repository's root come from Markdown; the
reference from what components declare, `PELLUCID describe --all --json`; the pages of commands from
`PELLUCID COMMAND --help`; and the examples in pipelines/ get a page each. A file of the repository
that a text links to becomes a page, too. A link that leads nowhere is an error.
"""

import json
import posixpath
import re
import shutil
import subprocess
import sys
from pathlib import Path

from page import Site, escape
from reference import Reference

try:
    import markdown
except ImportError:
    sys.exit("make.py needs the Python module 'markdown' (Debian: python3-markdown)")

ROOT = Path(__file__).resolve().parents[2]
# What is read first; other pages follow by name.
FIRST = ("overview", "pipelines", "runs", "plugins")
PICTURES = (".png", ".jpg", ".svg")
FENCE = re.compile(r"^(```\w*) title=\"([^\"\n]*)\"$", re.MULTILINE)
REFERENCE = re.compile(r'\b(href|src)="([^"]*)"')


def title_of(text):
    return re.search(r"^# (.*)$", text, re.MULTILINE).group(1)


class Pages:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        version = self.said("version").split("\n")[0].rpartition(" ")[2]
        self.site = Site("Pellucid", version)
        self.markdown = markdown.Markdown(extensions=["fenced_code", "tables", "toc", "sane_lists"],
                                          output_format="html")
        # No text has HTML of its own: `<A x, y>` is a product.
        self.markdown.preprocessors.deregister("html_block")
        self.markdown.inlinePatterns.deregister("html")
        self.texts = {}    # path of a Markdown file -> its text
        self.waiting = []  # files of the repository that texts link to
        self.pipelines = {self.name(p): p.read_text(encoding="utf-8")
                          for p in sorted((ROOT / "pipelines").rglob("*.yaml"))}
        for path in self.pipelines:
            self.site.pages[path] = path + ".html"
        self.commands = re.findall(r"^  ([\w-]+) ", re.search(
            r"^commands\n((?:  .*\n)+)", self.said("--help"), re.MULTILINE).group(1), re.MULTILINE)
        self.reference = Reference(self.site, json.loads(self.said("describe", "--all", "--json")),
                                   self.pipelines)

    def said(self, *arguments):
        return subprocess.run([self.program, *arguments], check=True, text=True,
                              stdout=subprocess.PIPE).stdout

    @staticmethod
    def name(path):
        return path.relative_to(ROOT).as_posix()

    def read(self, name, page):
        self.texts[name] = (ROOT / name).read_text(encoding="utf-8")
        self.site.pages[name] = page

    def gather(self):
        """All texts, and the menu of every page."""
        self.read("README.md", "index.html")
        for folder in ("guide", "design"):
            paths = sorted((ROOT / "docs" / folder).glob("*.md"))
            for path in sorted(paths, key=lambda p: ([*FIRST, p.stem].index(p.stem), p.stem)):
                self.read(self.name(path), f"{folder}/{path.stem}.html")
        for name in ("docs/results.md", "CONTRIBUTING.md", "CHANGELOG.md"):
            self.read(name, posixpath.basename(name).partition(".")[0].lower() + ".html")

        def entries(folder):
            return [(title_of(text), self.site.pages[name]) for name, text in self.texts.items()
                    if name.startswith(f"docs/{folder}/")]

        menu = self.site.menu
        menu.append(("Pellucid", [("First steps", "index.html"), ("Changes", "changelog.html"),
                                  ("Contributing", "contributing.html")]))
        menu.append(("Guides", [*entries("guide"), ("Results", "results.html")]))
        menu.append(("Reference", [("All components", "reference/index.html"),
                                   ("Settings", "reference/settings.html"),
                                   ("Commands", "commands/index.html"),
                                   ("Pipelines", "pipelines/index.html")]))
        for plugin, components in self.reference.plugins().items():
            menu.append((plugin, [(c["use"].partition("/")[2], self.site.pages[c["use"]])
                                  for c in components]))
        menu.append(("Design", entries("design")))

    def write(self):
        self.gather()
        for name, text in self.texts.items():
            self.put(self.site.pages[name], title_of(text), self.rendered(name, text))
        self.write_reference()
        self.write_commands()
        self.write_pipelines()
        while self.waiting:
            self.write_source(self.waiting.pop())
        shutil.copy(Path(__file__).with_name("style.css"), self.folder)

    def put(self, here, title, body):
        file = self.folder / here
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self.site.page(here, title, body), encoding="utf-8")

    def rendered(self, name, text):
        """A Markdown file as HTML, its links leading to pages."""
        here = self.site.pages[name]
        # The file that a block quotes stands above it.
        text = FENCE.sub(lambda m: f"[{posixpath.basename(m.group(2))}]({m.group(2)})\n\n"
                                   f"{m.group(1)}", text)
        body = re.sub(r"<p>(<a [^>]*>[^<]*</a></p>\n<pre>)", r'<p class="from">\1',
                      self.markdown.reset().convert(text))
        body = REFERENCE.sub(lambda m: f'{m.group(1)}="{self.moved(name, here, m.group(2))}"', body)
        body = body.replace("<table>", '<div class="wide"><table>').replace("</table>",
                                                                            "</table></div>")
        return re.sub(r"<code>([\w-]+/[\w-]+)</code>", lambda m: self.mentioned(here, m), body)

    def mentioned(self, here, match):
        page = self.site.pages.get(match.group(1))
        return f'<a href="{self.site.link(here, page)}">{match.group()}</a>' if page \
            else match.group()

    def moved(self, name, here, address):
        """What a link of the file `name` is called on its page."""
        if re.match(r"[a-z]+:|#", address):
            return address
        path, _, anchor = address.partition("#")
        target = posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
        return self.site.link(here, self.page_of(target, name), f"#{anchor}" if anchor else "")

    def page_of(self, target, name):
        if target == "pipelines":
            return "pipelines/index.html"
        if target in self.site.pages:
            return self.site.pages[target]
        path = ROOT / target
        if not path.exists():
            raise SystemExit(f"{name} links to '{target}', which does not exist")
        if path.suffix in PICTURES:
            (self.folder / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, self.folder / target)
            return target
        self.site.pages[target] = f"source/{target}{'/index' if path.is_dir() else ''}.html"
        self.waiting.append(target)
        return self.site.pages[target]

    def write_source(self, target):
        """A file of the repository as it is, or what a folder holds."""
        here, path = self.site.pages[target], ROOT / target
        if path.is_file():
            body = f"<pre>{escape(path.read_text(encoding='utf-8'))}</pre>"
        else:
            files = [self.name(p) for p in sorted(path.rglob("*")) if p.is_file()]
            body = "<ul>\n" + "\n".join(
                f'<li><a href="{escape(self.site.link(here, self.page_of(file, target)))}">'
                f"{escape(posixpath.relpath(file, target))}</a></li>" for file in files) + "\n</ul>"
        self.put(here, target, f"<h1>{escape(target)}</h1>\n{body}")

    def write_reference(self):
        reference = self.reference
        self.put("reference/index.html", "All components", reference.index("reference/index.html"))
        self.put("reference/settings.html", "Settings", reference.settings_page())
        for component in reference.components:
            here = self.site.pages[component["use"]]
            self.put(here, component["use"], reference.component(here, component))

    def write_commands(self):
        parts = []
        for command in self.commands:
            if command != "help":
                self.put(f"commands/{command}.html", f"pellucid {command}",
                         f"<h1>pellucid {escape(command)}</h1>\n"
                         f"<pre>{escape(self.said(command, '--help'))}</pre>")
                parts.append(rf"^  ({re.escape(command)})(?= )")
        said = escape(self.said("--help"))
        if parts:
            said = re.sub("|".join(parts), lambda m: "  <a href=\"{0}.html\">{0}</a>".format(
                m.group().strip()), said, flags=re.MULTILINE)
        self.put("commands/index.html", "Commands", f"<h1>Commands</h1>\n<pre>{said}</pre>")

    def write_pipelines(self):
        index = "pipelines/index.html"
        rows = []
        for path, text in self.pipelines.items():
            here = self.site.pages[path]
            self.put(here, path, f"<h1>{escape(path)}</h1>\n"
                                 f"<pre>{self.site.linked(here, text)}</pre>")
            first = text.partition("\n")[0].lstrip("# ")
            rows.append(f'<li><a href="{escape(self.site.link(index, here))}">{escape(path)}</a>: '
                        f"{escape(first)}</li>")
        self.put(index, "Pipelines", "\n".join([
            "<h1>Pipelines</h1>", "<p>Examples that run as they are, or say in their first lines "
            "what data they need.</p>", "<ul>", *rows, "</ul>"]))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    Pages(sys.argv[1], Path(sys.argv[2])).write()
