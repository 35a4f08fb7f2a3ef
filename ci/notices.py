"""Prints the licences of what is linked in: notices.py PACKAGE... < the output of `cargo metadata --format-version 1`.

Each text once, with the crates that bear it. Only what a build of the packages links counts, not what builds or tests it.
"""

import json
import pathlib
import sys
from collections import defaultdict

NAMES = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE")
# Directories in which crates keep the C sources that they bring along.
BROUGHT = (".", "llama.cpp", "oniguruma", "LICENSES")


def linked(metadata, roots):
    """Ids of the packages that `roots` link, by way of normal dependencies."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    found, waiting = set(), list(roots)
    while waiting:
        package = waiting.pop()
        if package in found:
            continue
        found.add(package)
        for dependency in nodes[package]["deps"]:
            if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                waiting.append(dependency["pkg"])
    return found


def texts(package):
    """Licence texts in a package's sources."""
    top = pathlib.Path(package["manifest_path"]).parent
    for place in BROUGHT:
        directory = top / place
        for file in sorted(directory.iterdir()) if directory.is_dir() else ():
            if file.is_file() and file.name.upper().startswith(NAMES):
                yield file.read_text(errors="replace").strip()


def main():
    metadata = json.load(sys.stdin)
    packages = {package["id"]: package for package in metadata["packages"]}
    own = set(metadata["workspace_members"])
    roots = [id for id in own if packages[id]["name"] in sys.argv[1:]]
    assert len(roots) == len(sys.argv) - 1, "every package is in the workspace"

    bearers, silent = defaultdict(list), []
    for id in sorted(linked(metadata, roots) - own, key=lambda id: packages[id]["name"]):
        package = packages[id]
        title = f"{package['name']} {package['version']} ({package['license'] or 'see its licence file'})"
        found = list(texts(package))
        for text in found:
            bearers[text].append(title)
        if not found:
            silent.append(title)

    print("Linked into the plugin and its tools, with the licence that each offers and the texts that it bears.")
    for text, titles in sorted(bearers.items(), key=lambda item: item[1]):
        print("\n" + "=" * 100)
        print("\n".join(dict.fromkeys(titles)))
        print("-" * 100 + "\n" + text)
    if silent:
        print("\n" + "=" * 100 + "\nThese bear no text beside the licence that they name:\n")
        print("\n".join(silent))


main()
