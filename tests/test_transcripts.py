"""Recorded conversations of today's dockerd, replayed against wharfd. What is not there yet is listed with its reason."""
import json
import os
import pathlib
import subprocess
import sys

import pytest

from daemon import ROOT, Daemon
from registry import Registry

TRANSCRIPTS = pathlib.Path(os.environ.get("WHARF_TRANSCRIPTS", ROOT.parent / "shared" / "transcripts"))
EXPECTED = pathlib.Path(__file__).parent / "transcripts.txt"


def expected():
    """Scenarios that must pass: AREA/NAME lines of transcripts.txt; lines with # say why others do not yet."""
    return {line.split("#")[0].strip() for line in EXPECTED.read_text().splitlines() if line.split("#")[0].strip()}


@pytest.mark.skipif(not (TRANSCRIPTS / "replay.py").exists(), reason=f"no transcripts at {TRANSCRIPTS}")
@pytest.mark.timeout(900)
def test_recorded_conversations(scratch):
    image = scratch / "transcripts.tar"
    subprocess.run(["sh", str(TRANSCRIPTS / "make-image.sh"), str(image), "/bin/busybox"], check=True, capture_output=True)
    registry = Registry(scratch / "transcripts-registry", 5055)
    registry.start()
    daemon = Daemon(scratch / "transcripts", bridge="wharf-test4", subnet="172.27.0.1/16").start()
    try:
        passed = set()
        only = sorted({name.split("/")[0] for name in expected()})
        result = scratch / "transcripts.json"
        for area in only:
            subprocess.run([sys.executable, str(TRANSCRIPTS / "replay.py"), "--host", daemon.host, "--image", str(image), "--only", f"{area}/*",
                            "--without", "ipv6", "--json", str(result), str(TRANSCRIPTS / "scenarios")], capture_output=True, text=True)
            passed |= outcome(json.loads(result.read_text()))
        assert sorted(expected() - passed) == []
    finally:
        daemon.destroy()
        registry.stop()


def outcome(report):
    """The names of the scenarios that passed."""
    return {name for name, row in report.items() if row["verdict"] == "PASS"}
