#!/usr/bin/env bash
# Runs every fuzzer of build/fuzz for SECONDS each, from its kept corpus in tests/corpus/NAME.
set -uo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-20}
failed=0 ran=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for fuzzer in build/fuzz/*_fuzz; do
  name=$(basename "$fuzzer")
  mkdir -p "$work/$name"
  corpus=()
  [ -d "tests/corpus/$name" ] && corpus=("tests/corpus/$name")
  if "$fuzzer" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -artifact_prefix="$work/$name-" \
    "$work/$name" "${corpus[@]}" >"$work/$name.log" 2>&1; then
    printf 'ok      %-28s %s\n' "$name" "$(grep -o 'stat::number_of_executed_units: .*\|DONE.*' "$work/$name.log" | tail -n 1)"
    ran=$((ran + 1))
  else
    failed=$((failed + 1))
    printf 'FAILED  %s\n' "$name"
    tail -n 30 "$work/$name.log"
    mkdir -p build/results && cp "$work/$name-"* build/results/ 2>/dev/null
  fi
done
printf '%d passed, %d failed\n' "$ran" "$failed"
[ "$failed" -eq 0 ]
