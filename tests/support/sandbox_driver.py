"""Runs one job in a sandbox and prints what came of it, so that tests can do it as another user.

The job is JSON on standard input: code, timeout_s, limits (fields of ``Limits``) and root (a folder of its own). In the
code DRIVER_PID becomes this process's number. Only the standard library and ``app.tools.sandbox`` are needed.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path


def main() -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from app.tools.sandbox.folders import Quota, TaskFolders
    from app.tools.sandbox.limits import Limits
    from app.tools.sandbox.sandbox import Cancellation, open_sandbox
    from app.tools.sandbox.watch import descendants

    job = json.load(sys.stdin)
    limits = Limits(**job["limits"])
    sandbox = open_sandbox(limits)
    folder = TaskFolders(Path(job["root"]), Quota(limits.work_bytes, limits.files)).of("swarm", "task")
    begin = time.monotonic()
    code = job["code"].replace("DRIVER_PID", str(os.getpid()))
    told = sandbox.run(code, job["timeout_s"], folder, "run", Cancellation())
    left = list(descendants(os.getpid()))[1:]
    told_of = {"content": told.content, "is_error": told.is_error, "details": told.details}
    kept = {name: stored.path.read_bytes().hex() for name, stored in folder.files().items()}
    json.dump(
        {**told_of, "seconds": time.monotonic() - begin, "kept": kept, "uid": os.getuid(), "left": left}, sys.stdout
    )


if __name__ == "__main__":
    main()
