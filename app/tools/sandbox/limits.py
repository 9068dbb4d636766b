"""What one run of code may use."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one run; each is a positive number.

    Attributes:
        address_space_bytes: of each process: beyond it Python raises MemoryError.
        memory_bytes: resident in all processes together. Looked at 20 times a second: beyond it the run is killed.
        processes: processes and threads at once, the first interpreter included.
        open_files: of each process.
        work_bytes: of the working folder, files of earlier calls included, in memory; also the longest file.
        tmp_bytes: of ``/tmp`` and ``/dev/shm`` together, in memory.
        files: files and folders in the working folder, and as many in ``/tmp``.
        output_bytes: printed; then the run is killed.
        start_s: for the sandbox to be ready.
    """

    address_space_bytes: int = 768 * MIB
    memory_bytes: int = 1024 * MIB
    processes: int = 32
    open_files: int = 128
    work_bytes: int = 64 * MIB
    tmp_bytes: int = 32 * MIB
    files: int = 1_000
    output_bytes: int = MIB
    start_s: float = 10.0
