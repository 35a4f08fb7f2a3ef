#!/usr/bin/env python3
"""Fails if source files of a crate, or the training programs, import each other in a circle, or if the element imports from the
engine's insides.

    ci/imports.py [--list]

A file can be read and tested without those above it only as long as there is no way back. A module that holds others
(`mod.rs`) may re-export what is in them; such a re-export leads to the file that it names.
"""

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CRATES = ["crates/cosyvoice3-text/src", "crates/cosyvoice3/src", "crates/cosyvoice3-convert/src", "src/element"]
ELEMENT = "src/element"
PROGRAMS = "training"
ENGINE = "cosyvoice3"


def modules(source):
    """The files of a crate by their module path."""
    found = {}
    for file in sorted(source.rglob("*.rs")):
        parts = list(file.relative_to(source).with_suffix("").parts)
        if parts[-1] in ("mod", "lib", "main"):
            parts.pop()
        found[tuple(parts)] = file
    return found


def code(file):
    """The text of a file without comments and without its tests."""
    text = re.sub(r"//[^\n]*", "", file.read_text())
    return re.split(r"#\[cfg\(test\)\]\s*mod \w+ \{", text)[0]


def paths(tree, prefix=()):
    """The paths of what follows `use`: `a::{b, c::d}` is a::b and a::c::d."""
    depth, item, items = 0, "", []
    for char in tree + ",":
        if char == "," and depth == 0:
            items.append(item.strip())
            item = ""
            continue
        depth += (char == "{") - (char == "}")
        item += char
    for item in filter(None, items):
        head, brace, rest = item.partition("{")
        parts = tuple(part.strip() for part in head.split("::") if part.strip())
        if brace:
            yield from paths(rest.rstrip()[:-1], prefix + parts)
        else:
            name = re.split(r"\s+as\s+", item)[0]
            yield prefix + tuple(part.strip() for part in name.split("::"))


def absolute(path, module, is_directory):
    """A path from the root of the crate; None for one of another crate."""
    if path[0] == "crate":
        return path[1:]
    here = list(module)
    if path[0] in ("self", "super"):
        rest = list(path)
        while rest and rest[0] in ("self", "super"):
            if rest.pop(0) == "super":
                here.pop()
        return tuple(here + rest)
    return None


class Crate:
    def __init__(self, source):
        self.source = source
        self.files = modules(source)
        self.uses = {}
        self.exports = {}
        for module, file in self.files.items():
            text = code(file)
            self.uses[module] = self.imports(module, re.findall(r"(?<!pub )(?<!\) )\buse ([^;]+);", text))
            # Paths in the text itself, such as `super::report::log(...)`.
            self.uses[module] += self.imports(module, re.findall(r"\b((?:crate|super)(?:::\w+)+)", re.sub(r"\buse [^;]+;", "", text)))
            self.exports[module] = self.imports(module, re.findall(r"pub(?:\([^)]*\))? use ([^;]+);", text), True)

    def imports(self, module, trees, own=False):
        found = []
        for tree in trees:
            for path in paths(re.sub(r"\s+", " ", tree)):
                target = absolute(path, module, True)
                if target is None and (own or (module + (path[0],)) in self.files):
                    target = module + path
                if target is not None:
                    found.append(target)
        return found

    def file_of(self, path, seen=()):
        """The module in whose file the name at `path` is."""
        for length in range(len(path), -1, -1):
            if path[:length] not in self.files:
                continue
            module, rest = path[:length], path[length:]
            if not rest or (module, rest) in seen:
                return module
            for export in self.exports[module]:
                if export[-1] == rest[0] and export != path:
                    return self.file_of(export + rest[1:], seen + ((module, rest),))
            return module
        return None

    def edges(self):
        graph = {}
        for module, uses in self.uses.items():
            targets = {self.file_of(path) for path in uses}
            # A module neither uses its parent nor is used by it: `mod.rs` only lists it.
            graph[module] = sorted(target for target in targets if target is not None and target != module)
        return graph


def circles(graph):
    found, done = [], set()

    def visit(module, way):
        if module in way:
            found.append(way[way.index(module) :] + [module])
        elif module not in done:
            for target in graph[module]:
                visit(target, way + [module])
            done.add(module)

    for module in graph:
        visit(module, [])
    return found


def programs(directory):
    """The imports of Python programs from each other, those inside functions too."""
    files = {file.stem: file for file in sorted(directory.glob("*.py"))}
    graph = {}
    for name, file in files.items():
        used = set()
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                used.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                used.add(node.module)
        graph[(name,)] = [(module,) for module in sorted(used & files.keys())]
    return graph


def insides():
    """Imports of the element from modules of the engine, whose root is the API for programs."""
    root = code(ROOT / "crates" / ENGINE / "src/lib.rs")
    rooms = set(re.findall(r"\bmod (\w+);", root))
    for file in sorted((ROOT / ELEMENT).rglob("*.rs")):
        text = re.sub(r"\s+", " ", code(file))
        trees = re.findall(r"\buse ([^;]+);", text)
        trees += re.findall(rf"\b{ENGINE}(?:::\w+)+", re.sub(r"\buse [^;]+;", "", text))
        for path in (path for tree in trees for path in paths(tree)):
            if path[0] == ENGINE and path[1] in rooms:
                yield file, "::".join(path[1:])


def main():
    problems = []
    graphs = {source: Crate(ROOT / source).edges() for source in CRATES}
    graphs[PROGRAMS] = programs(ROOT / PROGRAMS)
    for source, graph in graphs.items():
        name = lambda module: "::".join(module) or "lib"
        if "--list" in sys.argv:
            for module, targets in graph.items():
                print(f"{source} {name(module)}: {', '.join(map(name, targets))}")
        for circle in circles(graph):
            problems.append(f"{source}: {' -> '.join(map(name, circle))}")
    for file, inside in insides():
        problems.append(f"{file.relative_to(ROOT)}: {ENGINE}::{inside} is not at the root of {ENGINE}")
    for problem in problems:
        print(problem)
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
