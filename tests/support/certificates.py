"""Certificates that sign themselves, for servers of tests."""

from __future__ import annotations

import subprocess
from pathlib import Path


def self_signed(folder: Path, names: str, *, subject: str) -> tuple[Path, Path]:
    """Make a certificate for a day and its key; return both files, ``certificate.pem`` and ``key.pem`` in ``folder``.

    Args:
        names: that it is for, as openssl takes them: ``DNS:localhost,IP:127.0.0.1``.
        subject: its common name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-days", "1", "-subj", f"/CN={subject}", "-addext", f"subjectAltName={names}"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    key.chmod(0o600)
    return certificate, key
