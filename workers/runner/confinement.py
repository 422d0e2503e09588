"""Rights that a runner gives up before it reads a user's bytes: unbounded memory, network, privileges, core files.

Linux only where the kernel is asked for more than limits; elsewhere the limits alone hold.
"""

import ctypes
import os
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from api_schemas.runner import Confinement

PR_SET_NO_NEW_PRIVS = 38
CLONE_NEWUSER, CLONE_NEWNET = 0x1000_0000, 0x4000_0000
CAPABILITY_VERSION_3 = 0x2008_0522


def confine(confinement: "Confinement") -> None:
    """Take on the limits, for good. To be called while this process has one thread and has not imported torch.

    Anything that the system does not let a process give up is told on standard error; the rest holds all the same.
    """
    for limit, value in (
        # Private writable memory. RLIMIT_AS would count the libraries, stored sets mapped for reading, and what CUDA
        # reserves without using it.
        (resource.RLIMIT_DATA, confinement.memory_bytes),
        (resource.RLIMIT_FSIZE, confinement.file_bytes),
        (resource.RLIMIT_CPU, confinement.cpu_seconds),
        (resource.RLIMIT_NOFILE, confinement.open_files),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(limit)
        bounded = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (bounded, bounded))
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        _tell("privileges cannot be given up for good")
    if not confinement.network:
        _leave_the_network(libc)


def _leave_the_network(libc: ctypes.CDLL) -> None:
    """Move to a network namespace that has no device that is up, and drop the rights that the way there gave."""
    user, group = os.geteuid(), os.getegid()
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET):
        _tell("the network cannot be left")
        return
    for name, content in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        Path("/proc/self", name).write_text(content)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    if libc.capset(header, (ctypes.c_uint32 * 6)()):
        _tell("capabilities cannot be dropped")


def _tell(what: str) -> None:
    reason = os.strerror(ctypes.get_errno())
    print(f"reading a user's files less confined than wanted: {what}: {reason}", file=sys.stderr)
