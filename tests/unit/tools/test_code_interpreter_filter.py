"""The filter of system calls, run by a small machine of the tests' own: what it answers to each call."""

import errno
import struct

import pytest

from app.tools.sandbox.seccomp import ALLOW, ARCHITECTURES, ERRNO, KILL, program

EXIT_GROUP = {"x86_64": 231, "aarch64": 94}
LOOKED_INTO = {"clone", "clone3", "socket", "socketpair", "ioctl"}
THREAD = 0x3D0F00
"""The flags with which glibc makes a thread; a fork's are 0x1200011."""

machines = pytest.mark.parametrize("machine", list(ARCHITECTURES))


def instructions(machine: str) -> list[tuple[int, int, int, int]]:
    filter_ = program(machine)
    assert filter_ is not None
    return list(struct.iter_unpack("=HBBI", filter_))


def answer(machine: str, number: int, *arguments: int, audit: int | None = None) -> int:
    """What the kernel would do with a call; arguments have 64 bits."""
    padded = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    data = struct.pack("<iIQ6Q", number, ARCHITECTURES[machine].audit if audit is None else audit, 0, *padded)
    code = instructions(machine)
    register, at = 0, 0
    while True:
        operation, if_true, if_false, operand = code[at]
        at += 1
        match operation:
            case 0x20:
                (register,) = struct.unpack_from("<I", data, operand)
            case 0x06:
                return operand
            case 0x15:
                at += if_true if register == operand else if_false
            case 0x25:
                at += if_true if register > operand else if_false
            case 0x35:
                at += if_true if register >= operand else if_false
            case 0x45:
                at += if_true if register & operand else if_false
            case _:
                raise AssertionError(f"instruction {operation:#x}")


@machines
def test_it_is_what_the_kernel_takes(machine: str) -> None:
    code = instructions(machine)

    assert len(code) <= 4096
    assert code[-1] == (0x06, 0, 0, ALLOW)
    for at, (_, if_true, if_false, _) in enumerate(code[:-1]):
        assert at + 1 + max(if_true, if_false) < len(code)


@machines
def test_calls_that_are_not_named_are_allowed(machine: str) -> None:
    named = set(ARCHITECTURES[machine].calls.values())

    assert {answer(machine, number) for number in set(range(453)) - named} == {ALLOW}
    assert answer(machine, EXIT_GROUP[machine]) == ALLOW


@machines
def test_calls_that_are_named_are_refused(machine: str) -> None:
    refused = {name: answer(machine, number) for name, number in ARCHITECTURES[machine].calls.items()}

    assert {name for name, said in refused.items() if said != ERRNO | errno.EPERM} == LOOKED_INTO
    assert {"ptrace", "mount", "unshare", "setns", "keyctl", "bpf", "perf_event_open", "userfaultfd", "kexec_load",
            "io_uring_setup", "init_module", "process_vm_readv", "open_by_handle_at"} <= refused.keys()  # fmt: skip


@machines
def test_processes_and_threads_are_made_but_no_namespaces(machine: str) -> None:
    calls = ARCHITECTURES[machine].calls
    namespaces = [0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000]

    assert answer(machine, calls["clone"], THREAD) == answer(machine, calls["clone"], 0x1200011) == ALLOW
    assert {answer(machine, calls["clone"], 17 | flag) for flag in namespaces} == {ERRNO | errno.EPERM}
    assert answer(machine, calls["clone3"]) == ERRNO | errno.ENOSYS


@machines
@pytest.mark.parametrize("call", ["socket", "socketpair"])
def test_sockets_reach_this_sandbox_only(machine: str, call: str) -> None:
    number = ARCHITECTURES[machine].calls[call]

    assert answer(machine, number, 1) == ALLOW
    # inet, inet6, netlink, packet, vsock, alg; and one with something in the half that the kernel does not read
    for family in (2, 10, 16, 17, 40, 38, 2 | 1 << 32):
        assert answer(machine, number, family) == ERRNO | errno.ENETUNREACH


@machines
def test_nothing_is_typed_into_a_terminal(machine: str) -> None:
    number = ARCHITECTURES[machine].calls["ioctl"]

    assert answer(machine, number, 0, 0x5412) == answer(machine, number, 0, 0x541C | 7 << 32) == ERRNO | errno.EPERM
    assert answer(machine, number, 0, 0x5401) == ALLOW


@machines
def test_other_ways_into_the_kernel_are_closed(machine: str) -> None:
    assert answer(machine, 0, audit=0x40000003) == KILL
    assert answer(machine, 0x40000000 + 101) == KILL
    assert answer(machine, 453) == ERRNO | errno.ENOSYS


def test_other_processors_have_no_filter() -> None:
    assert program("riscv64") is None
