#!/usr/bin/env bash
# The end of `./dev run`: a daemon of its own, an image, a container, and what to try next.
set -euo pipefail
cd "$(dirname "$0")/.."

home=${WHARF_RUN_DIR:-/var/tmp/wharf-run}
socket=$home/wharf.sock
wharf=$PWD/build/release/wharf
mkdir -p "$home"

if ! "$wharf" -H "unix://$socket" version >/dev/null 2>&1; then
  setsid build/release/wharfd -H "unix://$socket" --data-root "$home/data" --exec-root "$home/run" \
    --pidfile "$home/wharfd.pid" --bridge wharf-run0 >"$home/wharfd.log" 2>&1 </dev/null &
  for _ in $(seq 100); do
    "$wharf" -H "unix://$socket" version >/dev/null 2>&1 && break
    sleep 0.05
  done
fi
export DOCKER_HOST=unix://$socket

# An image from a registry where one answers, else made from this machine's own busybox.
if ! "$wharf" inspect --type image busybox >/dev/null 2>&1; then
  if ! timeout 20 "$wharf" pull busybox 2>/dev/null; then
    echo "no registry in reach: making busybox:latest from the busybox-static package"
    tree=$(mktemp -d)
    mkdir -p "$tree"/{bin,etc,root,tmp,proc,sys,dev,var}
    cp /bin/busybox "$tree/bin/busybox"
    /bin/busybox --list | grep -v '^busybox$' | while read -r applet; do ln -s busybox "$tree/bin/$applet"; done
    printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n' >"$tree/etc/passwd"
    printf 'root:x:0:\nnobody:x:65534:\n' >"$tree/etc/group"
    tar -C "$tree" -c . | "$wharf" import -c 'CMD ["sh"]' - busybox:latest
    rm -rf "$tree"
  fi
fi

"$wharf" run --rm busybox sh -c 'echo; echo "Hello from a container: $(uname -s), pid $$, host $(hostname)"'
cat <<TXT

wharfd listens on $socket (log: $home/wharfd.log). Try next:

    export DOCKER_HOST=unix://$socket
    docker run --rm -it busybox sh
    $wharf run -d -p 8080:80 --name web busybox httpd -f -h /etc
    $wharf ps

To end it: kill \$(cat $home/wharfd.pid)
TXT
