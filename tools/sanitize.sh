#!/usr/bin/env bash
# The body of `./dev sanitize [asan|tsan] [ROOM...]`: builds with the sanitizers, runs the unit suites, and
# whole paths against a wharfd made with asan. A report of a sanitizer is a failure, whoever hears it.
set -uo pipefail
cd "$(dirname "$0")/.."

whole_paths=(tests/test_run.py tests/test_streams.py tests/test_restart.py tests/test_images.py)
presets=(asan tsan)
case "${1:-}" in
  asan | tsan) presets=("$1") && shift ;;
esac
rooms=("$@")
export UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS=second_deadlock_stack=1
mkdir -p build/results
failures=()

unit() {
  local preset=$1 targets=() chosen=()
  if [ ${#rooms[@]} -gt 0 ]; then
    targets=(--target "${rooms[@]/%/_test}")
    chosen=(-R "^($(IFS='|'; echo "${rooms[*]}"))\$")
  fi
  ./dev build "$preset" "${targets[@]}" || { failures+=("build of $preset"); return 1; }
  ctest --test-dir "build/$preset" --output-on-failure --timeout 600 "${chosen[@]}" || failures+=("units of $preset")
}

for preset in "${presets[@]}"; do
  unit "$preset" || continue
  [ "$preset" = asan ] && [ ${#rooms[@]} -eq 0 ] || continue
  ./dev venv
  WHARF_BUILD="$PWD/build/asan" build/venv/bin/pytest "${whole_paths[@]}" -q --timeout 600 -rs \
    --junitxml build/results/asan.xml || failures+=("whole paths with asan")
done
[ ${#failures[@]} -eq 0 ] && echo "no report" && exit
printf 'failed: %s\n' "${failures[@]}"
exit 1
