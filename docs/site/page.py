"""A page of the manual: its frame, and the links in it."""

import html
import posixpath
import re

# Papers by their identifiers, wherever a text names one.
PAPERS = [(re.compile(r"\bdoi:(10\.\d{4,9}/[^\s<>\"]*[^\s<>\".,;:)])"), "https://doi.org/"),
          (re.compile(r"\barXiv:(\d{4}\.\d{4,5})"), "https://arxiv.org/abs/")]


def escape(text):
    return html.escape(str(text), quote=True)


def identifier(text):
    """What an `id` may be made of."""
    return re.sub(r"[^\w.-]+", "-", text).strip("-")


class Site:
    """Where everything of the manual is, by what it is made from.

    `pages` maps a name (a path from the root of the repository, or a component) to the path of its
    page in the manual.
    """

    def __init__(self, title, version):
        self.title = title
        self.version = version
        self.pages = {}
        self.menu = []  # (heading, [(text, path of the page)])

    def link(self, here, target, anchor=""):
        """How the page `here` names the file `target`; both from the root of the manual."""
        return posixpath.relpath(target, posixpath.dirname(here) or ".") + anchor

    def linked(self, here, text, components=True):
        """Plain text as HTML in which papers and components are links."""
        found = []
        for pattern, address in PAPERS:
            found += [(m.span(), address + m.group(1)) for m in pattern.finditer(text)]
        if components:
            for m in re.finditer(r"(?<![\w/.-])[\w-]+/[\w-]+(?![\w/-]|\.\w)", text):
                page = self.pages.get(m.group())
                if page and page != here:
                    found.append((m.span(), self.link(here, page)))
        parts, at = [], 0
        for (begin, end), address in sorted(found):
            if begin < at:
                continue
            parts += [escape(text[at:begin]),
                      f'<a href="{escape(address)}">{escape(text[begin:end])}</a>']
            at = end
        return "".join(parts) + escape(text[at:])

    def phrase(self, here, text):
        """As `linked`, with names in backticks as code."""
        return re.sub(r"`([^`<]+)`", r"<code>\1</code>", self.linked(here, text))

    def prose(self, here, text):
        """A phrase that begins with a capital."""
        return self.phrase(here, text[:1].upper() + text[1:])

    def _menu(self, here):
        parts = []
        for heading, entries in self.menu:
            parts.append(f"<h2>{escape(heading)}</h2>\n<ul>")
            for text, page in entries:
                mark = ' aria-current="page"' if page == here else ""
                parts.append(f'<li><a href="{escape(self.link(here, page))}"{mark}>'
                             f"{escape(text)}</a></li>")
            parts.append("</ul>")
        return "\n".join(parts)

    def page(self, here, title, body):
        """The whole file of a page whose content is `body`."""
        home = escape(self.link(here, "index.html"))
        return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)} - {escape(self.title)}</title>
<link rel="stylesheet" href="{escape(self.link(here, 'style.css'))}">
</head>
<body>
<header><a href="{home}">{escape(self.title)}</a> <span>{escape(self.version)}</span>
<a class="skip" href="#content">to the text</a></header>
<div class="columns">
<nav aria-label="All pages">
{self._menu(here)}
</nav>
<main id="content">
{body}
</main>
</div>
</body>
</html>
"""


def table(head, rows, caption=""):
    """Cells are HTML already; a row may be a pair of its cells and an id."""
    parts = ["<div class=\"wide\"><table>"]
    if caption:
        parts.append(f"<caption>{escape(caption)}</caption>")
    parts.append("<thead><tr>" + "".join(f'<th scope="col">{escape(h)}</th>' for h in head)
                 + "</tr></thead>\n<tbody>")
    for row in rows:
        cells, name = row if isinstance(row, tuple) else (row, "")
        mark = f' id="{escape(name)}"' if name else ""
        parts.append(f"<tr{mark}>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    parts.append("</tbody></table></div>")
    return "\n".join(parts)
