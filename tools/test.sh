#!/usr/bin/env bash
# The body of `./dev test [PATTERN]`: builds, runs every test, prints one summary.
set -uo pipefail
cd "$(dirname "$0")/.."

passed=0 failed=0 skipped=0
failures=()
mkdir -p build/results

# step NAME COMMAND...: one line of the summary; its output is kept in build/results.
step() {
  local name=$1 started=$SECONDS
  shift
  if "$@" >"build/results/$name.log" 2>&1; then
    passed=$((passed + 1))
    printf 'ok      %-24s %4d s\n' "$name" $((SECONDS - started))
  else
    failed=$((failed + 1))
    failures+=("$name")
    printf 'FAILED  %-24s %4d s   build/results/%s.log\n' "$name" $((SECONDS - started)) "$name"
    tail -n 60 "build/results/$name.log"
  fi
}

# Adds the counts of JUnit files to the totals, in place of the one of their step.
count_junit() {
  [ -f "$1" ] || return
  read -r p f s < <(python3 - "$@" <<'PY'
import sys, xml.etree.ElementTree as tree
tests = failures = skipped = 0
for file in sys.argv[1:]:
    for suite in tree.parse(file).getroot().iter("testsuite"):
        tests += int(suite.get("tests", 0))
        failures += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped += int(suite.get("skipped", 0)) + int(suite.get("disabled", 0) or 0)
print(tests - failures - skipped, failures, skipped)
PY
)
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  printf '        %d passed, %d failed, %d skipped in %d files\n' "$p" "$f" "$s" $#
}

pattern=${1:-}
step layering python3 tools/layering.py
step tidy python3 tools/tidy.py
step build-debug ./dev build debug
step build-release ./dev build release
[ ${#failures[@]} -eq 0 ] || { echo "the build failed"; printf '%d passed, %d failed\n' "$passed" "$failed"; exit 1; }
step unit ctest --test-dir build/debug --output-on-failure --output-junit "$PWD/build/results/unit.xml" --timeout 300
step clients ./dev venv
step whole tools/whole.sh "$pattern"
count_junit build/results/unit.xml
count_junit build/results/whole/*.xml
sort -rn build/results/durations | head -n 8
grep -h '^SKIPPED' build/results/whole/*.log || true

echo
[ ${#failures[@]} -eq 0 ] || echo "failed: ${failures[*]}"
printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ]
