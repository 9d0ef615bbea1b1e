#!/usr/bin/env python3
"""Checks the limits of docs/style.md: sizes, columns, bans. Exceptions have a line with a reason in tools/tidy-exceptions."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent

FILE_LINES, HEADER_LINES, FUNCTION_LINES, COLUMNS = 400, 200, 70, 100

# (pattern, where it is allowed, why it is banned)
BANS = [
    (r"\bsystem\(", (), "runs a shell"),
    (r"\bpopen\(", (), "runs a shell"),
    (r"\bstrtok\(", (), "not reentrant"),
    (r"\bsprintf\(", (), "unbounded"),
    (r"std::filesystem::remove_all", (), "follows what a container can swap; use os::remove_tree"),
    (r"(?<![\w.>:])(::)?(fork|vfork|clone3?|setns|pivot_root|unshare)\(", ("os", "runtime", "supervise"), "namespaces change only in os, runtime and supervise"),
    (r"\bTODO\b|\bFIXME\b|\bXXX\b", (), "unfinished work belongs in an issue"),
]


def exceptions():
    allowed = set()
    path = root / "tools/tidy-exceptions"
    for line in path.read_text().splitlines() if path.exists() else []:
        if line.strip() and not line.startswith("#"):
            where, rule, reason = line.split(None, 2)
            allowed.add((where, rule))
    return allowed


def strip(text):
    """The text with comments and string bodies blanked; lines stay lines."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match[0])
    text = re.sub(r'R"(\w*)\((?:.|\n)*?\)\1"', blank, text)
    return re.sub(r'//[^\n]*|/\*(?:.|\n)*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', blank, text)


def functions(code):
    """(first line, last line) of every top-level function body, by braces."""
    depth, opened, kinds = 0, [], []
    line = 1
    head_start = 0
    for at, char in enumerate(code):
        if char == "\n":
            line += 1
        elif char == ";" or char == "}":
            head_start = at + 1
        if char == "{":
            head = code[head_start:at]
            is_function = ")" in head and not re.search(r"\b(namespace|struct|class|enum|union)\b[^()]*$", head) and "=" not in head.split(")")[-1]
            kinds.append(is_function and True not in kinds)
            opened.append(line)
            head_start = at + 1
        elif char == "}" and opened:
            start = opened.pop()
            if kinds.pop():
                yield start, line


problems = []
allowed = exceptions()


def report(path, line, rule, text):
    where = str(path.relative_to(root))
    if (where, rule) not in allowed:
        problems.append(f"{where}:{line}: {rule}: {text}")


for path in sorted((root / "src").rglob("*")):
    if path.suffix not in (".h", ".cc"):
        continue
    room = path.relative_to(root / "src").parts[0]
    text = path.read_text(errors="replace")
    lines = text.splitlines()
    limit = HEADER_LINES if path.suffix == ".h" else FILE_LINES
    if len(lines) > limit:
        report(path, len(lines), "length", f"{len(lines)} lines, at most {limit}")
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS:
            report(path, number, "columns", f"{len(line)} columns, at most {COLUMNS}")
    code = strip(text)
    for pattern, rooms, why in BANS:
        source = text if "TODO" in pattern else code
        for match in re.finditer(pattern, source):
            if room not in rooms:
                report(path, source.count("\n", 0, match.start()) + 1, "ban", f"{match[0].strip()}: {why}")
    for first, last in functions(code):
        if last - first > FUNCTION_LINES:
            report(path, first, "function", f"{last - first} lines, at most {FUNCTION_LINES}")
    if path.suffix == ".h" and "#pragma once" not in text:
        report(path, 1, "pragma", "no #pragma once")

for path in sorted((root / "tests").rglob("*.py")):
    length = len(path.read_text().splitlines())
    if length > FILE_LINES:
        report(path, length, "length", f"{length} lines, at most {FILE_LINES}")

for readme in sorted((root / "src").iterdir()):
    if readme.is_dir() and readme.name != "cmd":
        page = readme / "README.md"
        if not page.exists():
            problems.append(f"src/{readme.name}: readme: a room has a README.md")
        elif len(page.read_text().splitlines()) > 40:
            problems.append(f"src/{readme.name}/README.md: readme: more than 40 lines")

print("\n".join(problems) or "tidy")
sys.exit(1 if problems else 0)
