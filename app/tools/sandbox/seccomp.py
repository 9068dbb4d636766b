"""The filter of system calls, as the bytes that the kernel and ``bwrap --seccomp`` take (classic BPF).

Namespaces already hide the machine; the filter takes away the parts of the kernel where such walls were broken before,
and memory that no resource limit counts. Calls newer than the tables answer "no such call", so that a new kernel brings
nothing new in. ``clone3`` answers the same: its flags lie in memory where a filter cannot look, and C libraries then
use ``clone``, whose flags can be looked at.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterator
from dataclasses import dataclass

ALLOW = 0x7FFF0000
KILL = 0x80000000
ERRNO = 0x00050000

_LOAD, _RETURN = 0x20, 0x06
_IF_EQUAL, _IF_GREATER, _IF_AT_LEAST, _IF_ANY_BIT = 0x15, 0x25, 0x35, 0x45
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16

NEW_NAMESPACE = 0x7E020000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET."""
_AF_UNIX = 1
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_X32_CALLS = 0x40000000
_LAST_KNOWN = 452
"""fchmodat2; both tables count alike from 424 on."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """``audit`` is the kernel's number of it; ``calls`` are the system calls that the filter looks at."""

    audit: int
    calls: dict[str, int]


_NEWER = {
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428, "move_mount": 429,
    "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433, "clone3": 435, "pidfd_getfd": 438,
    "process_madvise": 440, "mount_setattr": 442, "quotactl_fd": 443, "memfd_secret": 447, "process_mrelease": 448,
    "set_mempolicy_home_node": 450,
}  # fmt: skip

ARCHITECTURES = {
    "x86_64": Architecture(
        0xC000003E,
        _NEWER | {
            "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "mount": 165, "umount2": 166,
            "pivot_root": 155, "chroot": 161, "unshare": 272, "setns": 308, "keyctl": 250, "add_key": 248,
            "request_key": 249, "bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "kexec_load": 246,
            "kexec_file_load": 320, "init_module": 175, "finit_module": 313, "delete_module": 176, "reboot": 169,
            "swapon": 167, "swapoff": 168, "sethostname": 170, "setdomainname": 171, "syslog": 103, "acct": 163,
            "quotactl": 179, "lookup_dcookie": 212, "nfsservctl": 180, "vhangup": 153, "settimeofday": 164,
            "clock_settime": 227, "adjtimex": 159, "clock_adjtime": 305, "iopl": 172, "ioperm": 173, "modify_ldt": 154,
            "personality": 135, "name_to_handle_at": 303, "open_by_handle_at": 304, "fanotify_init": 300,
            "fanotify_mark": 301, "memfd_create": 319, "shmget": 29, "shmat": 30, "shmctl": 31, "msgget": 68,
            "msgsnd": 69, "msgrcv": 70, "msgctl": 71, "semget": 64, "semop": 65, "semctl": 66, "mq_open": 240,
            "mbind": 237, "set_mempolicy": 238, "migrate_pages": 256, "move_pages": 279, "vmsplice": 278,
            "uselib": 134, "ustat": 136, "sysfs": 139, "_sysctl": 156, "create_module": 174, "get_kernel_syms": 177,
            "query_module": 178, "inotify_init": 253, "inotify_init1": 294, "remap_file_pages": 216,
            "clone": 56, "socket": 41, "socketpair": 53, "ioctl": 16,
        },
    ),
    "aarch64": Architecture(
        0xC00000B7,
        _NEWER | {
            "ptrace": 117, "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272, "mount": 40, "umount2": 39,
            "pivot_root": 41, "chroot": 51, "unshare": 97, "setns": 268, "keyctl": 219, "add_key": 217,
            "request_key": 218, "bpf": 280, "perf_event_open": 241, "userfaultfd": 282, "kexec_load": 104,
            "kexec_file_load": 294, "init_module": 105, "finit_module": 273, "delete_module": 106, "reboot": 142,
            "swapon": 224, "swapoff": 225, "sethostname": 161, "setdomainname": 162, "syslog": 116, "acct": 89,
            "quotactl": 60, "lookup_dcookie": 18, "nfsservctl": 42, "vhangup": 58, "settimeofday": 170,
            "clock_settime": 112, "adjtimex": 171, "clock_adjtime": 266, "personality": 92, "name_to_handle_at": 264,
            "open_by_handle_at": 265, "fanotify_init": 262, "fanotify_mark": 263, "memfd_create": 279, "shmget": 194,
            "shmat": 196, "shmctl": 195, "msgget": 186, "msgsnd": 189, "msgrcv": 188, "msgctl": 187, "semget": 190,
            "semop": 193, "semctl": 191, "mq_open": 180, "mbind": 235, "set_mempolicy": 237, "migrate_pages": 238,
            "move_pages": 239, "vmsplice": 75, "inotify_init1": 26, "remap_file_pages": 234,
            "clone": 220, "socket": 198, "socketpair": 199, "ioctl": 29,
        },
    ),
}  # fmt: skip
"""Numbers from Linux's asm/unistd_64.h and asm-generic/unistd.h."""

_LOOKED_INTO = frozenset({"clone", "clone3", "socket", "socketpair", "ioctl"})


def program(machine: str) -> bytes | None:
    """Return the filter for a machine as ``platform.machine`` names it; None where there is none."""
    architecture = ARCHITECTURES.get(machine)
    return None if architecture is None else b"".join(_instructions(architecture))


def _instructions(architecture: Architecture) -> Iterator[bytes]:
    calls = architecture.calls
    yield _load(_ARCHITECTURE_AT)
    yield from _unless(_IF_EQUAL, architecture.audit, _answer(KILL))
    yield _load(_NUMBER_AT)
    # Calls of the x32 ABI carry other numbers for the same things and a bit of their own.
    yield from _when(_IF_AT_LEAST, _X32_CALLS, _answer(KILL))
    yield from _when(_IF_GREATER, _LAST_KNOWN, _refuse(errno.ENOSYS))
    yield from _when(_IF_EQUAL, calls["clone3"], _refuse(errno.ENOSYS))
    yield from _when(
        _IF_EQUAL, calls["clone"], _load_argument(0), *_when(_IF_ANY_BIT, NEW_NAMESPACE, _refuse(errno.EPERM)), _ALLOWED
    )
    for name in ("socket", "socketpair"):
        yield from _when(
            _IF_EQUAL,
            calls[name],
            _load_argument(0),
            *_unless(_IF_EQUAL, _AF_UNIX, _refuse(errno.ENETUNREACH)),
            _ALLOWED,
        )
    yield from _when(
        _IF_EQUAL,
        calls["ioctl"],
        _load_argument(1),
        *_when(_IF_EQUAL, _TIOCSTI, _refuse(errno.EPERM)),
        *_when(_IF_EQUAL, _TIOCLINUX, _refuse(errno.EPERM)),
        _ALLOWED,
    )
    for name in sorted(calls.keys() - _LOOKED_INTO):
        yield from _when(_IF_EQUAL, calls[name], _refuse(errno.EPERM))
    yield _ALLOWED


def _instruction(code: int, if_true: int, if_false: int, operand: int) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, operand)


def _load(offset: int) -> bytes:
    return _instruction(_LOAD, 0, 0, offset)


def _load_argument(index: int) -> bytes:
    """The lower half, which is all that the kernel reads of these arguments; both machines are little-endian."""
    return _load(_ARGUMENTS_AT + 8 * index)


def _answer(value: int) -> bytes:
    return _instruction(_RETURN, 0, 0, value)


def _refuse(number: int) -> bytes:
    return _answer(ERRNO | number)


_ALLOWED = _answer(ALLOW)


def _when(condition: int, operand: int, *then: bytes) -> tuple[bytes, ...]:
    """``then`` must end with an answer, since the register has changed where it loads an argument."""
    return (_instruction(condition, 0, len(then), operand), *then)


def _unless(condition: int, operand: int, *then: bytes) -> tuple[bytes, ...]:
    return (_instruction(condition, len(then), 0, operand), *then)
