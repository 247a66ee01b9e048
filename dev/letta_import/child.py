"""Become a command that dies with its parent and, where asked, is not root.

    python -I -S child.py PARENT SIGNAL IDENTITY COMMAND...

PARENT is the pid of the process that started this one; when it ends, however it ends, the command
gets SIGNAL (a number; Linux only). IDENTITY is who the command is:

- `same`: whoever we are.
- `namespace`: somebody who is not root inside a user namespace of its own, and our own user
  outside of it. Postgres refuses to be root; this way its files stay ours, and no system user is
  made.
- `UID:GID`: that user, for root on a machine that refuses user namespaces.

A process of its own, since a namespace can only be entered by a process with one thread. Standard
library only.
"""

import ctypes
import os
import signal
import sys

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
INSIDE = 1000  # any number but 0: what our user is called inside the namespace


def main(arguments: list[str]) -> None:
    parent, number, identity, *command = arguments
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    try:
        become(identity)
    except OSError as error:
        sys.exit(f"cannot be {identity}: {error}")
    # Set after the change of identity, which would clear it.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(number))
    if os.getppid() != int(parent):
        sys.exit("the parent is gone")
    try:
        os.execv(command[0], command)
    except OSError as error:
        sys.exit(f"cannot run {command[0]} as {identity}: {error.strerror}")


def become(identity: str) -> None:
    """Change who this process is; OSError when the machine refuses."""
    if identity == "namespace":
        _enter_namespace()
    elif identity != "same":
        uid, gid = map(int, identity.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)


def _enter_namespace() -> None:
    uid, gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "unshare"):
        raise OSError("this system has no user namespaces")
    if libc.unshare(CLONE_NEWUSER) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    for name, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{INSIDE} {uid} 1"),
        ("gid_map", f"{INSIDE} {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123 (pathlib takes 20 ms to load)
            file.write(line)


if __name__ == "__main__":
    main(sys.argv[1:])
