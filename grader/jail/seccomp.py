"""The filter of system calls that learner code runs under: what attacks a kernel, and no program here needs.

A list of refusals in the manner of Docker's and Flatpak's, compiled by libseccomp. A refused call gives EPERM;
clone3 gives ENOSYS, so that the C library falls back to clone, whose flags a filter can read. Memory that belongs
to no process (memfd, System V segments) is refused, since without a control group nothing would bound it.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import errno
import functools
import os
import tempfile

REFUSED = """
    acct add_key adjtimex bpf chroot clock_adjtime clock_settime delete_module finit_module fsconfig
    fsmount fsopen fspick init_module io_uring_enter io_uring_register io_uring_setup ioperm iopl kcmp
    kexec_file_load kexec_load keyctl lookup_dcookie mbind memfd_create memfd_secret migrate_pages mount
    mount_setattr move_mount move_pages name_to_handle_at nfsservctl open_by_handle_at open_tree
    perf_event_open personality pidfd_getfd pivot_root process_madvise process_vm_readv
    process_vm_writev ptrace quotactl quotactl_fd reboot request_key set_mempolicy setdomainname
    sethostname setns settimeofday shmget swapoff swapon syslog umount umount2 unshare userfaultfd
    uselib vhangup vm86 vm86old
""".split()  # noqa: SIM905  (a list of sixty strings is harder to read)
NEW_NAMESPACES = 0x7E020000 | 0x80  # every CLONE_NEW* flag of clone
FAMILIES = (1, 2, 10)  # AF_UNIX, AF_INET, AF_INET6: all that a private loopback needs
TIOCSTI, TIOCLINUX = 0x5412, 0x541C

_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NE, _GE, _MASKED_EQ, _EQ = 1, 5, 7, 4
_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
_INSTRUCTION_BYTES = 8


class _Comparison(ctypes.Structure):
    """struct scmp_arg_cmp"""

    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("a", ctypes.c_uint64),
        ("b", ctypes.c_uint64),
    )


class _Program(ctypes.Structure):
    """struct sock_fprog"""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


@functools.cache
def library() -> ctypes.CDLL | None:
    """libseccomp, or None where it is not installed."""
    for name in ("libseccomp.so.2", ctypes.util.find_library("seccomp")):
        try:
            found = ctypes.CDLL(name) if name else None
        except OSError:
            continue
        if found is not None:
            found.seccomp_init.restype = ctypes.c_void_p
            return found
    return None


def program() -> bytes:
    """The filter as the kernel takes it. Raises OSError where libseccomp is missing or refuses."""
    seccomp = library()
    if seccomp is None:
        raise OSError(errno.ENOENT, "libseccomp is not installed")
    context = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(_ALLOW)))
    try:
        for name in REFUSED:
            _refuse(seccomp, context, name, errno.EPERM)
        _refuse(seccomp, context, "clone3", errno.ENOSYS)
        for bit in range(64):
            if NEW_NAMESPACES >> bit & 1:
                _refuse(
                    seccomp, context, "clone", errno.EPERM, _Comparison(0, _MASKED_EQ, 1 << bit, 1 << bit)
                )
        # Families between and beyond those allowed; one rule each, as conditions of one rule are joined by "and".
        # EOPNOTSUPP, as libzmq ends the process where a netlink socket gives EPERM.
        for family in range(max(FAMILIES) + 1):
            if family not in FAMILIES:
                _refuse(seccomp, context, "socket", errno.EOPNOTSUPP, _Comparison(0, _EQ, family, 0))
        _refuse(seccomp, context, "socket", errno.EOPNOTSUPP, _Comparison(0, _GE, max(FAMILIES) + 1, 0))
        for request in (TIOCSTI, TIOCLINUX):
            masked = _Comparison(1, _MASKED_EQ, 0xFFFFFFFF, request)
            _refuse(seccomp, context, "ioctl", errno.EPERM, masked)
        with tempfile.TemporaryFile() as file:
            if seccomp.seccomp_export_bpf(context, file.fileno()) != 0:
                raise OSError(errno.EINVAL, "libseccomp cannot export the filter")
            return os.pread(file.fileno(), 2**20, 0)
    finally:
        seccomp.seccomp_release(context)


def _refuse(
    seccomp: ctypes.CDLL, context: ctypes.c_void_p, name: str, error: int, *conditions: _Comparison
) -> None:
    number = seccomp.seccomp_syscall_resolve_name(name.encode())
    if number < 0:
        return  # not on this machine's architecture, or unknown to an older library
    array = (_Comparison * max(1, len(conditions)))(*conditions)
    action = ctypes.c_uint32(_ERRNO | error)
    status = seccomp.seccomp_rule_add_array(context, action, number, len(conditions), array)
    if status != 0:
        raise OSError(-status, f"libseccomp refuses the rule for {name}")


def load(filter_program: bytes) -> None:
    """Put the filter on this thread and all that it will start. For good."""
    libc = ctypes.CDLL(None, use_errno=True)
    prepared = _Program(len(filter_program) // _INSTRUCTION_BYTES, filter_program)
    if libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(prepared), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the kernel refuses the filter of system calls")
