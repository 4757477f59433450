#!/usr/bin/env python3
"""Holds the tree to its rules: who may include whom, where third-party libraries may appear, how
files are named and how long they are. Usage: check.py [ROOT]. Prints `file:line: rule: what to do`
for every breach; exit status 1 when there is one, 2 when the tree cannot be read.

The rules are those of CONTRIBUTING.md; to change one, change it there and here.
"""
import os
import re
import subprocess
import sys

# Folder -> folders whose headers it may include, itself apart. The longest matching folder counts.
# `schemas` does not give `schemas/base`'s users anything more: base is named where only base is
# allowed. Folders that are not listed (tests, examples) may include everything.
LAYERS = {
    "schemas/base": [],
    "schemas": ["schemas/base"],
    "graphs": ["schemas", "schemas/base"],
    "kernels": ["schemas/base"],
    "model": ["kernels", "schemas/base"],
    "model/engines": ["model", "kernels", "schemas/base"],
    "actors/runtime": ["graphs", "schemas", "schemas/base"],
    "actors/stages": ["actors/runtime", "graphs", "model", "schemas", "schemas/base"],
    "actors/ledger": ["actors/runtime", "graphs", "schemas", "schemas/base"],
    "actors/observe": ["actors/runtime", "graphs", "schemas", "schemas/base"],
    "actors/hosts": ["actors/runtime", "graphs", "schemas", "schemas/base"],
    "actors/hosts/caf": ["actors/hosts", "actors/runtime", "graphs", "schemas", "schemas/base"],
    "actors/hosts/simulated": ["actors/hosts", "actors/runtime", "graphs", "schemas",
                               "schemas/base"],
    "actors/cli": ["actors/runtime", "actors/stages", "actors/ledger", "actors/observe",
                   "actors/hosts", "actors/hosts/caf", "actors/hosts/simulated", "graphs", "model",
                   "kernels", "schemas", "schemas/base"],
}

# Third-party headers: pattern of the include -> (folders that may use it, why not elsewhere).
# tests/ is exempt.
THIRD_PARTY = [
    (r"caf/", ["actors/hosts/caf"], "CAF stays in actors/hosts/caf"),
    (r"(ATen|torch|c10|caffe2)/", ["model/engines"], "LibTorch stays in model/engines"),
    (r"(arrow|parquet)/", ["actors/stages/parquet"], "Arrow stays in actors/stages/parquet"),
    (r"CLI/", ["actors/cli"], "CLI11 stays in actors/cli"),
    (r"iostream$", ["actors/cli"], "only actors/cli prints for people"),
    (r"(toml\+\+/|toml\.hpp$|toml\.h$)", ["graphs"], "toml++ stays in one file of graphs"),
    (r"(capnp|kj)/|.*\.capnp\.h$", ["schemas", "actors"],
     "Cap'n Proto stays in schemas (base excepted) and actors"),
    (r"(cuda|cublas|nccl|cutlass)", ["kernels", "model/engines"],
     "CUDA stays in kernels and model/engines"),
]
FORBIDDEN_IN_HEADERS = [
    (r"torch/(torch|all|extension)\.h$", "LibTorch's umbrella costs 17 s per file"),
    (r"toml(\+\+/toml)?\.h(pp)?$", "toml++ belongs into one .cpp file"),
    (r"CLI/", "CLI11 belongs into .cpp files"),
]

# Code that must not appear outside the folders named. Comments and strings are not looked at.
CODE = [
    (r"std::(cout|cerr|clog)\b|\bfmt::print\b|(?<![\w:])(std::)?(printf|puts|putchar)\s*\(",
     ["actors/cli", "tests", "examples"], "prints", "only actors/cli prints for people"),
    (r"\b(system_clock|steady_clock|high_resolution_clock)::now|\bclock_gettime\b|\bgettimeofday\b"
     r"|\bsleep_(for|until)\b|\b(usleep|nanosleep)\s*\(|\brandom_device\b|\bstd::rand\b",
     ["actors/hosts", "actors/cli", "tests", "examples"], "real_world",
     "time, sleep and randomness come from Clock& and Rng&; only hosts know the real ones"),
]

CPP = (".cpp", ".hpp", ".h", ".cu", ".cuh")
HEADERS = (".hpp", ".h", ".cuh")
PROGRAM = CPP + (".py", ".sh", ".cmake", ".capnp")
LINES_MAX = 600
COLUMNS_MAX = 100
COLUMNS_WITH_TEXT_MAX = 120  # a line with a string: breaking what people read helps nobody
BANNED_WORDS = {"manager", "managers", "util", "utils", "helper", "helpers", "common"}
FREE_NAMES = {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "CMakeLists.txt",
              "CMakePresets.json"}
# Split so that this file does not break its own rules.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME)\b")
MACHINE_PATH = re.compile(r"(?<![\w./~-])/(ro" r"ot|wo" r"rk|ho" r"me)/[\w.]")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


class Tree:
    """The files of a tree and the breaches found so far."""

    def __init__(self, root):
        self.root = root
        self.files = list_files(root)
        self.breaches = []

    def lines(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8") as file:
            return file.read().split("\n")

    def report(self, path, line, rule, message):
        self.breaches.append((path, line, rule, message))


def list_files(root):
    """Tracked and new files, from git when ROOT is a checkout; otherwise all but build outputs."""
    if os.path.exists(os.path.join(root, ".git")):
        listed = subprocess.run(
            ["git", "-c", "safe.directory=*", "-C", root, "ls-files", "-co", "--exclude-standard",
             "-z"], capture_output=True, check=False)
        if listed.returncode == 0:
            names = sorted(set(listed.stdout.decode().split("\0")) - {""})
            return [n for n in names if is_plain(root, n)]
    found = []
    for folder, folders, names in os.walk(root):
        inside = os.path.relpath(folder, root)
        folders[:] = [f for f in folders if f not in (".git", ".deps", "__pycache__")
                      and not (inside == "." and (f.startswith("build") or f in
                                                  ("models", "runs", "data")))]
        found += [os.path.normpath(os.path.join(inside, n)) for n in names]
    return sorted(n for n in found if is_plain(root, n))


def is_plain(root, name):
    path = os.path.join(root, name)
    return os.path.isfile(path) and not os.path.islink(path)


def is_under(path, folder):
    return path.startswith(folder + "/")


def layer_of(path):
    """The folder of LAYERS that owns a path, or None."""
    owners = [folder for folder in LAYERS if is_under(path, folder)]
    return max(owners, key=len) if owners else None


def without_comments(lines):
    """The lines with comments and the contents of strings blanked; line numbers stay."""
    text = "\n".join(lines)
    pattern = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"(?P<d>[^()\\ ]{0,16})\(.*?\)(?P=d)"|"(\\.|[^"\\\n])*"'
        r"|(?<![0-9a-fA-F])'(\\.|[^'\\\n])+'", re.S)
    blank = pattern.sub(lambda m: '""' + "\n" * m.group(0).count("\n"), text)
    return blank.split("\n")


def check_includes(tree, path, lines):
    own = layer_of(path)
    toml_lines = []
    for number, line in enumerate(lines, 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        bracket, target = found.groups()
        if bracket == '"' and own:
            check_layer(tree, path, number, own, target)
        if path.endswith(HEADERS):
            for pattern, why in FORBIDDEN_IN_HEADERS:
                if re.match(pattern, target):
                    tree.report(path, number, "umbrella_header", f"<{target}> in a header: {why}")
        if is_under(path, "tests"):
            continue
        for pattern, allowed, why in THIRD_PARTY:
            if not re.match(pattern, target):
                continue
            base = path.startswith("schemas/base/")
            if base or not any(is_under(path, folder) for folder in allowed):
                tree.report(path, number, "third_party", f"{target}: {why}")
            elif "toml" in pattern:
                toml_lines.append((path, number))
    return toml_lines


def check_layer(tree, path, number, own, target):
    if target.startswith("."):
        tree.report(path, number, "include_path", f'"{target}": include from the repository root')
        return
    owner = layer_of(target)
    if owner is None:
        if is_under(target, "tests") or is_under(target, "examples"):
            tree.report(path, number, "layer", f'"{target}": product code must not use tests')
        elif "/" not in target:
            tree.report(path, number, "include_path",
                        f'"{target}": include from the repository root')
        return
    if owner != own and owner not in LAYERS[own]:
        allowed = ", ".join(LAYERS[own]) or "nothing else"
        tree.report(path, number, "layer", f'{own} must not use {owner} ("{target}"); '
                    f"it may use {allowed}")


def check_code(tree, path, lines):
    for number, line in enumerate(without_comments(lines), 1):
        for pattern, allowed, rule, why in CODE:
            if re.search(pattern, line) and not any(is_under(path, folder) for folder in allowed):
                tree.report(path, number, rule, why)


def check_header(tree, path, lines):
    if lines[0].strip() != "#pragma once":
        tree.report(path, 1, "header_opening", "a header starts with #pragma once")
    if len(lines) < 2 or not lines[1].startswith("//"):
        tree.report(path, 2, "header_opening", "after #pragma once a comment says what this is, "
                    "who owns it, which threads may call it and what can fail")


def check_text(tree, path, lines):
    program = path.endswith(PROGRAM) or path in ("dev", ".ci/run") or \
        os.path.basename(path) == "CMakeLists.txt"
    # Scripts that made a data file hold long lines of data themselves.
    makes_data = os.path.basename(path).startswith("make_") and path.endswith(".py")
    if program and len(lines) - 1 > LINES_MAX:
        tree.report(path, len(lines) - 1, "file_length", f"over {LINES_MAX} lines: split it")
    for number, line in enumerate(lines, 1):
        columns_max = COLUMNS_WITH_TEXT_MAX if '"' in line else COLUMNS_MAX
        if program and not makes_data and len(line) > columns_max:
            tree.report(path, number, "line_length", f"{len(line)} columns; {columns_max} at most")
        if UNFINISHED.search(line):
            tree.report(path, number, "unfinished", "finish it, or open an issue")
        if MACHINE_PATH.search(line):
            tree.report(path, number, "machine_path", "a path of one machine")


def check_name(tree, path):
    folders, name = os.path.split(path)
    in_data = re.search(r"(^|/)(data|golden|vectors|corpus)(/|$)", folders)
    for part in folders.split("/") if folders else []:
        if not re.fullmatch(r"\.?[a-z0-9_]+", part):
            tree.report(path, 1, "name", f"folder '{part}' is not snake_case")
    if not in_data and name not in FREE_NAMES and not name.startswith(".") and \
            not re.fullmatch(r"[a-z0-9_]+(\.[a-z0-9_]+)*", name):
        tree.report(path, 1, "name", f"'{name}' is not snake_case")
    for word in BANNED_WORDS & set(re.split(r"[_./]", path.lower())):
        tree.report(path, 1, "banned_word", f"'{word}' in a name says nothing: name what it does")


def is_text(path):
    data = re.search(r"(^|/)(data|golden|vectors|corpus)/", path)
    return not data and (path.endswith(PROGRAM + (".md", ".toml", ".txt", ".json", ".yml"))
                         or "." not in os.path.basename(path) or path.startswith("."))


def check(root):
    """All breaches of the tree at ROOT: a sorted list of (path, line, rule, message)."""
    tree = Tree(root)
    toml_files = []
    for path in tree.files:
        check_name(tree, path)
        if not is_text(path):
            continue
        try:
            lines = tree.lines(path)
        except UnicodeDecodeError:
            tree.report(path, 1, "encoding", "not UTF-8")
            continue
        check_text(tree, path, lines)
        if path.endswith(CPP):
            toml_files += check_includes(tree, path, lines)
            check_code(tree, path, lines)
        if path.endswith(HEADERS):
            check_header(tree, path, lines)
    for path, number in toml_files[1:]:
        tree.report(path, number, "third_party",
                    f"toml++ stays in one file; {toml_files[0][0]} has it already")
    return sorted(set(tree.breaches)), len(tree.files)


def main():
    root = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else ".")
    if not os.path.isdir(root):
        print(f"error: {root} is not a folder", file=sys.stderr)
        return 2
    breaches, files = check(root)
    for path, line, rule, message in breaches:
        print(f"{path}:{line}: {rule}: {message}")
    if breaches:
        print(f"{len(breaches)} breaches of the rules in {files} files; "
              "tests/tidy/check.py and CONTRIBUTING.md say why they are there")
        return 1
    if files == 0:
        print(f"error: no files in {root}", file=sys.stderr)
        return 2
    print(f"{files} files keep the rules")
    return 0


if __name__ == "__main__":
    sys.exit(main())
