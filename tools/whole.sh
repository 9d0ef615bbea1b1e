#!/usr/bin/env bash
# The whole-path tests, one pytest for each file, as many at once as there are processors, each in network and mount
# namespaces of its own: their bridges, ports and rules do not meet, and nothing outside is reached; the name server there
# knows no name. Longest first, by build/results/durations of the last run.
# usage: tools/whole.sh [PATTERN]   JUnit: build/results/whole/*.xml
set -uo pipefail
cd "$(dirname "$0")/.."
results=$PWD/build/results/whole
rm -rf "$results"
mkdir -p "$results"
export results pattern=${1:-}

# Those that take minutes when no last run says so.
known="test_faults test_transcripts test_soak test_clients test_threats_death test_restart"

# Those that fetch packages of Debian's (a kernel for a guest, a root file system) stay in the machine's network.
reaching="test_cgroup2 test_debian_kernel test_images test_systemd_guest"
export reaching

tests_of() {
  build/venv/bin/pytest "tests/$1.py" -q --timeout 300 -rs --junitxml "$results/$1.xml" ${pattern:+-k "$pattern"}
}

alone() {
  local shared
  for shared in /run/netns /run/wharf-runtime; do
    mkdir -p "$shared" && mount -t tmpfs none "$shared" || return 1
  done
  ip link set lo up && ip address add 198.18.53.53/32 dev lo || return 1
  echo 'nameserver 198.18.53.53' >"$results/$1.resolv.conf"
  mount --bind "$results/$1.resolv.conf" /etc/resolv.conf || return 1
  /usr/bin/python3 tests/support/empty_dns.py 198.18.53.53 &
  local names=$! code=0
  tests_of "$1" || code=$?
  kill "$names"
  return "$code"
}

one() {
  local name=$1 started=$SECONDS
  local code=0
  if [[ " $reaching " == *" $name "* ]]; then
    tests_of "$name" >"$results/$name.log" 2>&1 || code=$?
  else
    unshare --net --mount bash -c 'alone "$1"' alone "$name" >"$results/$name.log" 2>&1 || code=$?
  fi
  [ "$code" -eq 5 ] && code=0 # No test of this file matches the pattern.
  printf '%5d %s\n' $((SECONDS - started)) "$name" >>"$results/durations"
  [ "$code" -eq 0 ] || { echo "FAILED $name"; tail -n 60 "$results/$name.log"; }
  return "$code"
}
export -f tests_of alone one

files() {
  sort -rn build/results/durations 2>/dev/null | awk '{print $2}'
  printf '%s\n' $known
  basename -s .py tests/test_*.py
}

files | awk '!seen[$0]++' | while read -r name; do [ -f "tests/$name.py" ] && echo "$name"; done |
  xargs -P "$(nproc)" -I{} bash -c 'one {}'
code=$?
cp "$results/durations" build/results/durations
exit "$code"
