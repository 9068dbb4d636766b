"""Runs Python that nobody has read: CPython under bubblewrap, seccomp and resource limits, in processes of its own.

What is true of every run:

- It sees ``/usr``, the library folders and a few devices, all read-only, and two small file systems in memory that end
  with it, ``/box`` and ``/tmp``. No directory of the service is mounted, so links, pipes and sparse files planted
  there never reach a disk: afterwards the service copies regular files out, through handles and following no link.
- No network, no ``/proc``, no environment, an ordinary user without capabilities (root gives up its user first).
- Processes, memory, files, output and time are bounded; the service kills the whole of it, and a run is over only when
  the last of its processes is gone.

Decided 2026-11: no pool of waiting interpreters, since a start costs some 30 ms; where any of this cannot be had the
sandbox is off, never weaker.

Decided 2026-11: no memory cgroup. What all processes hold together is summed up 20 times a second (``watch``) and the
sandbox killed beyond its bound, each process has a limit of its own, and all of them go before the service where the
machine runs out. A cgroup would bound the sum exactly, but one that the service may write to has to be given to it.
"""
