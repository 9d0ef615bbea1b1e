#!/usr/bin/env python3
"""Checks every include between rooms against the table in cmake/rooms.cmake."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
rooms = {}
ranks = {}
for line in (root / "cmake/rooms.cmake").read_text().splitlines():
    row = re.match(r"room\((\d+) (\w+) ?(.*)\)", line)
    if row:
        rooms[row[2]] = set(row[3].split())
        ranks[row[2]] = int(row[1])

wrong = []
for name, uses in rooms.items():
    for other in uses:
        if ranks.get(other, 99) >= ranks[name]:
            wrong.append(f"rooms.cmake: {name} (rank {ranks[name]}) may not use {other} (rank {ranks.get(other)})")

for path in sorted((root / "src").rglob("*")):
    if path.suffix not in (".h", ".cc"):
        continue
    room = path.relative_to(root / "src").parts[0]
    if room == "cmd":
        continue
    if room not in rooms:
        wrong.append(f"{path.relative_to(root)}: room {room} has no row in cmake/rooms.cmake")
        continue
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        include = re.match(r'#include "(\w+)/', line)
        if include and include[1] in rooms and include[1] != room and include[1] not in rooms[room]:
            wrong.append(f"{path.relative_to(root)}:{number}: {room} may not include {include[1]}")

print("\n".join(wrong) or f"layering holds: {len(rooms)} rooms")
sys.exit(1 if wrong else 0)
