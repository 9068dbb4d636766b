"""Audits the locked packages for known vulnerabilities: ``audit.py LOCK_FILE…``.

Exit status: 0 all packages were audited and none is known to be vulnerable, 1 some are, 3 the audit could not be done.
pip-audit exits with 0 when its service does not know a package, as one behind a mirror may not, so its report is read
here and a package that was not looked up counts as not audited.
"""

import json
import subprocess
import sys

CLEAN, VULNERABLE, NOT_DONE = 0, 1, 3


def main(*locks: str) -> int:
    """Audit some lock files, each by itself as they may hold two versions of a package, and tell the results."""
    statuses = {audit(lock) for lock in locks}
    return next(status for status in (VULNERABLE, NOT_DONE, CLEAN) if status in statuses)


def audit(lock: str) -> int:
    """Audit one lock file and tell the result."""
    options = ["--disable-pip", "--no-deps", "--format", "json", "--progress-spinner", "off", "--timeout", "15"]
    command = [sys.executable, "-m", "pip_audit", "--requirement", lock, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        reason = (done.stderr.strip().splitlines() or ["no output"])[-1]
        print(f"audit: could not be reached, NOT done ({reason[:200]})")
        return NOT_DONE
    return report(packages)


def report(packages: list[dict[str, object]]) -> int:
    """Tell what was found in the packages of pip-audit's report."""
    skipped = [package for package in packages if "skip_reason" in package]
    vulnerable = [package for package in packages if package.get("vulns")]
    for package in vulnerable:
        vulns = package["vulns"]
        assert isinstance(vulns, list)
        for vuln in vulns:
            fixed = ", ".join(vuln.get("fix_versions", [])) or "no version"
            print(f"audit: {package['name']} {package['version']}: {vuln['id']}, fixed in {fixed}")
    if vulnerable:
        return VULNERABLE
    if skipped or not packages:
        print(f"audit: could not be reached, NOT done ({len(skipped)} of {len(packages)} packages not looked up)")
        return NOT_DONE
    print(f"audit: {len(packages)} packages, no known vulnerability")
    return CLEAN


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
