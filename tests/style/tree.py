"""The source tree as the style tests see it: its files, and what they include."""

import re
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SDK = ROOT / "framework" / "include"
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def files(*folders, suffixes=(".cpp", ".h")):
    """All files below the folders (named from the root), in order."""
    found = []
    for folder in folders:
        found += [p for p in (ROOT / folder).rglob("*") if p.suffix in suffixes and p.is_file()]
    return sorted(found)


def name(path):
    """The path as people write it: from the root of the repository."""
    return path.relative_to(ROOT).as_posix()


@lru_cache(maxsize=None)
def text(path):
    return path.read_text(encoding="utf-8")


@lru_cache(maxsize=None)
def includes(path):
    """What a file includes itself: pairs of delimiter and name."""
    return tuple(INCLUDE.findall(text(path)))


def resolved(path, delimiter, included):
    """The file of ours that an include means, or None."""
    places = [SDK, ROOT / "framework", ROOT / "tests"]
    if delimiter == '"':
        places.insert(0, path.parent)
    for place in places:
        if (place / included).is_file():
            return (place / included).resolve()
    return None


def reached(path):
    """Every name that a file includes, directly or through files of ours."""
    seen, names, waiting = set(), set(), [path]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        for delimiter, included in includes(current):
            names.add(included)
            ours = resolved(current, delimiter, included)
            if ours:
                waiting.append(ours)
    return names


def lists(cmake_file, path):
    """Whether a CMakeLists.txt names a source: by its path from there or from the root, or in a
    loop over names, as `${name}_test.cpp`."""
    words = set(re.findall(r"[\w./${}-]+", re.sub(r"#.*", "", text(cmake_file))))
    names = {path.relative_to(cmake_file.parent).as_posix(), name(path)}
    if words & names:
        return True
    loops = [re.compile(re.sub(r"\\\$\\{\w+\\}", r"([\\w-]+)", re.escape(word)))
             for word in words if "${" in word and word.endswith(path.suffix)]
    matches = [loop.fullmatch(written) for loop in loops for written in names]
    return any(match and match.group(1) in words for match in matches)
