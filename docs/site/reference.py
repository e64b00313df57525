"""Reference pages, made from what components declare (`pellucid describe --all --json`)."""

import re
import textwrap

from page import escape, identifier, table

KINDS = {
    "source": "gives items; it has no inputs",
    "stage": "items in, items out, each on its own",
    "reducer": "all items in, one result out",
    "procedure": "runs once over whole inputs",
    "sink": "writes files",
    "operator": "an object: a forward model",
    "operator.linear": "an object: a linear forward model with its exact adjoint",
    "operator.convolution": "an object: a linear forward model that is a convolution",
    "prior": "an object: a prior with latent variables",
    "denoiser": "an object: removes noise of a given strength",
    "functional": "an object: a penalty with value, gradient or prox",
    "model": "an object: any function of tensors",
}
TYPES = {"truth": "true or false", "path": "file or folder that is read",
         "output_path": "file or folder that is written", "group": "settings",
         "enumeration": "one of", "choice": "one of"}
# What stands for another node in an example.
STAND_INS = {"tensor": "images", "table": "scores"}
# Of a manual page: `[1] a paper`, `Errors`, `Accuracy  a sentence`, `Inputs (a remark)`.
HEADING = re.compile(r"(\[\d+\])  ?(\S.*)|([A-Z]\w*)(?: \((?:keys in a pipeline file|([^)]*))\))?"
                     r"(?:  +(\S.*)|:? *)$")
CONDITION = re.compile(r"^(\w+)  +(\S.*)$")


def flow(value):
    """A value as YAML in one line, without what is not given."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {flow(v)}" for k, v in value.items()
                               if v is not None) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return '""' if value == "" else str(value)


def type_of(field):
    if field["type"] == "list":
        least, most = field.get("least_count", 0), field.get("most_count")
        count = ""
        if most is not None:
            count = f"{least}" if least == most else f"{least} to {most}"
        elif least:
            count = f"{least} or more"
        return f"list of {count + ' times ' if count else ''}{type_of(field['entries'])}"
    names = field.get("names", []) + [a["name"] for a in field.get("alternatives", [])]
    return " ".join([TYPES.get(field["type"], field["type"]), ", ".join(names)]).strip()


def standard_of(field):
    """The default as HTML; of a choice its name, because its settings have rows of their own."""
    if field["required"]:
        return "required"
    if "default" not in field:
        return "optional"
    value = field["default"]
    if field["type"] == "choice" and isinstance(value, dict):
        value = next(iter(value))
    return f"<code>{escape(flow(value))}</code>"


def range_of(field):
    """`in [0, inf]` is `>= 0`."""
    text = field.get("range", "")
    from_on = re.fullmatch(r"in \[(.*), inf\]", text)
    return f">= {from_on.group(1)}" if from_on else text


def unit_of(field):
    return field.get("unit", "")


class Manual:
    """The comment at the top of a component's source, by its headings."""

    def __init__(self, text):
        self.sections, self.sources = {}, []
        opening, _, rest = text.rstrip("\n").partition("\n\n")
        self.opening = joined([opening.partition(": ")[2]])
        heading, gathered = "", {}
        for line in rest.split("\n"):
            start = HEADING.match(line)
            if start and start.group(1):
                heading = start.group(1)
                gathered[heading] = [start.group(2)]
            elif start:
                heading = start.group(3)
                gathered.setdefault(heading, [])
                gathered[heading] += [part for part in start.group(4, 5) if part]
            else:
                gathered.setdefault(heading, []).append(line)
        for name, part in gathered.items():
            if name.startswith("["):
                self.sources.append((name, joined(part)))
            else:
                self.sections[name] = part
        for name in ("Accuracy", "Cost"):
            if name in self.sections:
                said, _, source = joined(self.sections[name]).partition("Source: ")
                self.sections[name] = [said.strip()]
                if source:
                    self.sources.append(("", source))

    def take(self, name):
        """The lines of a section, without blank ones around them; it is not given again."""
        lines = self.sections.pop(name, [])
        while lines and not lines[0].strip():
            lines = lines[1:]
        while lines and not lines[-1].strip():
            lines = lines[:-1]
        return lines


def joined(lines):
    return re.sub(r"\s+", " ", " ".join(lines)).strip()


def entries(lines, names):
    """`  name   text`, continued on further lines: name -> text, and all lines of other names."""
    said, rest, current = {}, [], None
    for line in lines:
        start = re.match(r"  (\S+?)(?: \[.*?\])?  +(\S.*)$", line)
        if start or not line.startswith("   "):
            current = start.group(1) if start and start.group(1) in names else None
            if current:
                said[current] = start.group(2)
                continue
        if current:
            said[current] += " " + line.strip()
        else:
            rest.append(line)
    return said, rest


class Reference:
    def __init__(self, site, description, pipelines):
        self.site = site
        self.settings = description["settings"]
        self.components = description["components"]
        self.pipelines = pipelines  # path -> text
        for component in self.components:
            site.pages[component["use"]] = f"reference/{component['use']}.html"

    def plugins(self):
        """Plugin -> its components, both in the order of their names."""
        found = {}
        for component in sorted(self.components, key=lambda c: c["use"]):
            found.setdefault(component["use"].partition("/")[0], []).append(component)
        return found

    def index(self, here):
        parts = ["<h1>All components</h1>",
                 "<p>Made from what the components declare; "
                 "<code>pellucid describe NAME</code> prints the same.</p>"]
        for plugin, components in self.plugins().items():
            version = components[0]["plugin"]["version"]
            parts.append(f'<h2 id="{escape(plugin)}">{escape(plugin)} '
                         f'<span class="version">{escape(version)}</span></h2>')
            parts.append(table(
                ["component", "kind", "what it does"],
                [[f'<a href="{escape(self.site.link(here, self.site.pages[c["use"]]))}">'
                  f"<code>{escape(c['use'])}</code></a>",
                  f'<a href="#kind-{escape(identifier(c["kind"]))}">{escape(c["kind"])}</a>',
                  escape(c["summary"])] for c in components]))
        parts.append('<h2 id="kinds">Kinds</h2>')
        parts.append(table(["kind", "what it is"],
                           [([escape(k), escape(v)], "kind-" + identifier(k))
                            for k, v in KINDS.items()]))
        return "\n".join(parts)

    def settings_page(self):
        rows = [([f"<code>{escape(s['name'])}</code>", escape(s["type"]), escape(s["default"]),
                  escape(s["summary"])], s["name"]) for s in self.settings]
        return ("<h1>Settings of a pipeline</h1>\n<p>The keys under <code>settings:</code>.</p>\n"
                + table(["setting", "type", "default", "what it is"], rows))

    def component(self, here, component):
        manual = Manual(component["manual"])
        use, plugin = component["use"], component["plugin"]
        index = escape(self.site.link(here, "reference/index.html"))
        parts = [
            f"<h1>{escape(use)}</h1>",
            f'<p class="summary">{escape(component["summary"])}.</p>',
            f'<p class="facts"><a href="{index}#kind-{escape(identifier(component["kind"]))}">'
            f'{escape(component["kind"])}</a> of the plugin '
            f'<a href="{index}#{escape(plugin["name"])}">{escape(plugin["name"])}</a> '
            f"{escape(plugin['version'])}</p>"]
        if manual.opening and manual.opening.rstrip(".") != component["summary"]:
            parts.append(f"<p>{self.site.prose(here, manual.opening)}</p>")
        parts.append(self._text(here, manual.take(""), {n for n, _ in manual.sources}))
        for name in ("Inputs", "Outputs"):
            ports = component[name.lower()]
            parts += self._section(
                name, self._ports(here, ports, name == "Inputs", manual.take(name)))
        parts += self._section("Parameters", self._parameters(here, component["parameters"]),
                               self._text(here, manual.take("Settings")))
        parts += self._section("Errors", self._errors(here, manual.take("Errors")))
        for name in ("Accuracy", "Cost"):
            said = joined(manual.take(name))
            parts += self._section(name, said and f"<p>{self.site.prose(here, said)}</p>")
        for name in list(manual.sections):
            parts += self._section(name, self._text(here, manual.take(name)))
        parts += self._section("In a pipeline", f"<pre>{escape(example(component))}</pre>",
                               self._users(here, use))
        parts += self._section("Sources", self._sources(here, manual.sources))
        return "\n".join(part for part in parts if part)

    @staticmethod
    def _section(title, *contents):
        contents = [c for c in contents if c]
        if not contents:
            return []
        return [f'<h2 id="{identifier(title.lower())}">{escape(title)}</h2>', *contents]

    def _text(self, here, lines, sources=()):
        """As it stands; `[1]` and `[1, eq. 2]` lead to the sources of these names."""
        if not lines:
            return ""
        text = self.site.linked(here, textwrap.dedent("\n".join(lines)))
        text = re.sub(r"\[(\d+)(?=\]|, [a-z])", lambda m: f'[<a href="#source-{m.group(1)}">'
                      f"{m.group(1)}</a>" if f"[{m.group(1)}]" in sources else m.group(), text)
        return f"<pre>{text}</pre>"

    def _ports(self, here, ports, inputs, lines):
        """What the manual says of each port stands in its row; what else it says, below."""
        said, rest = entries(lines, {port["name"] for port in ports})
        rows = []
        for port in ports:
            any_name = port.get("any", False)
            cells = [f"<code>{escape('(any name)' if any_name else port['name'])}</code>",
                     escape("tensors and tables" if any_name else port["type"])]
            if inputs:
                cells.append("optional" if port["optional"] else "" if any_name else "required")
            text = re.sub(r"^optional: ", "", said.get(port["name"], "")) or port["summary"]
            side = "in" if inputs else "out"
            rows.append((cells + [self.site.prose(here, text)],
                         f"{side}-{identifier(port['name'])}"))
        head = ["port", "type"] + ([""] if inputs else []) + ["what it is"]
        return (table(head, rows) if rows else "") + self._text(here, rest)

    def _parameters(self, here, fields):
        if not fields:
            return ""
        return table(["parameter", "type", "unit", "range", "default", "what it is"],
                     list(self._rows(here, fields, "")))

    def _rows(self, here, fields, prefix):
        for field in fields:
            path = prefix + field["name"]
            yield ([f"<code>{escape(path)}</code>", escape(type_of(field)), escape(unit_of(field)),
                    escape(range_of(field)), standard_of(field),
                    self.site.phrase(here, field["summary"])], "parameter-" + identifier(path))
            yield from self._rows(here, field.get("parameters", []), path + ".")
            for alternative in field.get("alternatives", []):
                inner = f"{path}.{alternative['name']}"
                said = self.site.phrase(here, alternative.get("summary", ""))
                yield ([f"<code>{escape(inner)}</code>", "alternative", "", "", "", said],
                       "parameter-" + identifier(inner))
                yield from self._rows(here, alternative.get("parameters", []), inner + ".")

    def _errors(self, here, lines):
        """`  Name  text`, continued on further lines."""
        listed = []
        for line in lines:
            start = CONDITION.match(line.strip()) if re.match(r" {1,3}\S", line) else None
            if start:
                listed.append([start.group(1), [start.group(2)]])
            elif listed:
                listed[-1][1].append(line)
            else:
                return self._text(here, lines)
        if not listed:
            return ""
        return "<dl>\n" + "\n".join(
            f"<dt><code>{escape(name)}</code></dt><dd>{self.site.prose(here, joined(text))}</dd>"
            for name, text in listed) + "\n</dl>"

    def _users(self, here, use):
        users = [path for path, text in self.pipelines.items()
                 if re.search(rf"use: *{re.escape(use)}(?![\w/-])", text)]
        if not users:
            return ""
        links = ", ".join(f'<a href="{escape(self.site.link(here, self.site.pages[path]))}">'
                          f"{escape(path)}</a>" for path in users)
        return f"<p>Used in {links}.</p>"

    def _sources(self, here, sources):
        if not sources:
            return ""
        items = []
        for name, text in sources:
            mark = f' id="source-{name.strip("[]")}"' if name else ""
            items.append(f"<li{mark}>{self.site.linked(here, text, components=False)}</li>")
        return "<ol>\n" + "\n".join(items) + "\n</ol>"


def stand_in(field):
    """A value that a required parameter could have."""
    if field["type"] == "enumeration":
        return field["names"][0]
    if field["type"] == "list":
        count = max(field.get("least_count", 0), 1)
        return "[" + ", ".join([stand_in({**field["entries"], "range": field.get("range", "")})]
                               * count) + "]"
    if field["type"] == "choice":
        first = field["alternatives"][0]
        return "{" + first["name"] + ": " + stand_in({**first, "type": "group"}) + "}"
    if field["type"] == "group":
        needed = [f for f in field.get("parameters", []) if f["required"]]
        return "{" + ", ".join(f"{f['name']}: {stand_in(f)}" for f in needed) + "}"
    if field["type"] in ("integer", "real"):
        bounds = re.findall(r"-?[\d.]+(?:e[-+]?\d+)?", field.get("range", ""))
        return bounds[0] if bounds and field["range"].startswith("in [") else "1"
    if field["type"] == "truth":
        return "true"
    return "results" if field["type"] == "output_path" else "FILE"


def example(component):
    """A node with all that the component can be given; what may be left out is a comment."""
    name = component["use"].partition("/")[2]
    lines, inputs, settings = [f"{name}:", f"  use: {component['use']}"], [], []
    for port in component["inputs"]:
        node = STAND_INS.get(port["type"], port["type"].partition(".")[0])
        if port.get("any"):
            inputs.append((f"    any_name: {node}", ""))
        else:
            hidden = "# " if port["optional"] else ""
            inputs.append((f"    {hidden}{port['name']}: {node}", "optional" if hidden else ""))
    for field in component["parameters"]:
        unit = f"[{unit_of(field)}]" if unit_of(field) not in ("", "1") else ""
        if field["required"]:
            settings.append((f"    {field['name']}: {stand_in(field)}", f"required {unit}"))
        elif "default" in field:
            settings.append((f"    {field['name']}: {flow(field['default'])}", unit))
        else:
            settings.append((f"    # {field['name']}:", f"optional {unit}"))
    for key, entries in (("in", inputs), ("with", settings)):
        if not entries:
            continue
        given = any(not text.lstrip().startswith("#") for text, _ in entries)
        lines.append(f"  {key}:" if given else f"  # {key}:")
        width = max(len(text) for text, _ in entries)
        lines += [f"{text:{width}}  # {note.strip()}" if note.strip() else text
                  for text, note in entries]
    return "\n".join(lines) + "\n"
