"""The service keeps to its OpenAPI document, whatever is sent to it: schemathesis with all its checks.

CI makes few requests of each kind with one seed; ``FUZZ_EXAMPLES=100 scripts/test tests/e2e/test_fuzzed_api.py`` is the
whole run, with another seed each time (``FUZZ_SEED`` repeats one).
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import fuzzing
from tests.support.service import ROOT, ServiceProcess, clean_environment
from tests.support.terminal import Start

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "10"))
SEED = int(os.environ.get("FUZZ_SEED", "1" if EXAMPLES == 10 else str(random.randrange(2**32))))
MAX_S = 600 + 30 * EXAMPLES


@pytest.mark.long
def test_what_the_document_says_is_so(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "service"
    minting = start("keys", "create", "--scopes", "read,run,admin", "--json", "--data-dir", str(folder / "data"))
    assert minting.end() == 0, minting.err
    key = json.loads(minting.out)
    with ServiceProcess(folder) as service:
        found = subprocess.run(
            [
                *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{service.url}/openapi.json"),
                *("--checks", "all", "--max-examples", str(EXAMPLES), "--seed", str(SEED)),
                *("--header", f"Authorization: Bearer {key['key']}", "--request-timeout", "30"),
                "--continue-on-failure",
            ],
            cwd=tmp_path,
            env={
                **clean_environment(),
                "PYTHONPATH": str(ROOT),
                "SCHEMATHESIS_HOOKS": fuzzing.__name__,
                fuzzing.OWN_KEY: key["id"],
                "NO_COLOR": "1",
            },
            capture_output=True,
            text=True,
            timeout=MAX_S,
            check=False,
        )
        (tmp_path / "fuzzing.txt").write_text(found.stdout + found.stderr)
        assert found.returncode == 0, found.stdout + found.stderr
        with service.client() as client:
            assert client.get("/readyz").status_code == 200
        assert "request_crashed" not in service.output
