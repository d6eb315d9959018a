"""Secrets: memory, descriptors and objects of this process and of others, and the kernel."""

# ruff: noqa: E501
from __future__ import annotations

from hostile.case import search


def unanswered(report) -> None:
    assert "True" not in report.cell_output["double"], report.cell_output["double"]


CASES = (
    search(
        "memory_of_others",
        """
import ctypes, re

def memory(pid):
    try:
        with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
            for line in maps:
                first, last = (int(part, 16) for part in line.split()[0].split("-"))
                if "rw" in line.split()[1] and last - first < 30_000_000:
                    mem.seek(first)
                    look(mem.read(last - first))
    except (OSError, ValueError, OverflowError):
        pass

for pid in {"@SUPERVISOR@", str(os.getppid()), "1", "2", *[n for n in os.listdir("/proc") if n.isdigit()]} - {str(os.getpid())}:
    memory(pid)
""",
        "Reads the memory of the parent, the supervisor and every other process by /proc.",
        jail=True,
    ),
    search(
        "memory_of_its_own",
        """
import gc

with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as mem:
    for line in maps.readlines():
        first, last = (int(part, 16) for part in line.split()[0].split("-"))
        if line.split()[1].startswith("r") and not line.rstrip().endswith((".so", "[vvar]", "[vsyscall]")):
            try:
                mem.seek(first)
                look(mem.read(min(last - first, 60_000_000)))
            except (OSError, ValueError, OverflowError):
                pass
for thing in gc.get_objects():
    if isinstance(thing, (dict, list, tuple)):
        look(repr(list(thing)[:50]).encode("utf-8", "replace")) if len(thing) < 50 else None
""",
        "Reads its own memory, which was the warm parent's, down to what was freed.",
        jail=True,  # without it the variables of who grades are inherited
    ),
    search(
        "process_vm_and_ptrace",
        """
import ctypes

libc = ctypes.CDLL(None, use_errno=True)

class Part(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]

said = []
for pid in (int("@SUPERVISOR@"), os.getppid(), 1, 2, 3):
    if pid in (0, os.getpid()):
        continue
    room = ctypes.create_string_buffer(4096)
    here, there = Part(ctypes.addressof(room), 4096), Part(0x400000, 4096)
    said.append(libc.process_vm_readv(pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0))
    said.append(libc.ptrace(16, pid, 0, 0))
    said.append(libc.syscall(434, pid, 0))  # pidfd_open
print("calls:", [value for value in said if value >= 0])
""",
        "Attaches to other processes by ptrace, process_vm_readv and pidfd_open.",
        jail=True,
    ),
    search(
        "inherited_descriptors",
        """
import socket, stat

for number in range(3, 1024):
    try:
        mode = os.fstat(number).st_mode
    except OSError:
        continue
    try:
        print(number, os.readlink(f"/proc/self/fd/{number}")[:20])
        if stat.S_ISREG(mode):
            look(os.pread(number, 4_000_000, 0))
        elif stat.S_ISDIR(mode):
            for name in os.listdir(number):
                print("entry", name)
        elif stat.S_ISSOCK(mode):
            other = socket.socket(fileno=os.dup(number))
            other.setblocking(False)
            other.send(b"w\\0\\0\\0\\1")
            look(other.recv(65536))
    except OSError:
        pass
""",
        "Uses every descriptor that was left open, a socket of the warm parent's among them.",
        jail=True,
    ),
    search(
        "objects_and_frames",
        """
import gc, sys

seen = set()
left = [gc.get_objects(), *sys._current_frames().values(), sys.modules]
count = 0
while left and count < 60_000:
    thing = left.pop()
    if id(thing) in seen:
        continue
    seen.add(id(thing))
    count += 1
    if type(thing) is str:
        look(thing.encode("utf-8", "replace"))
    elif type(thing) is bytes:
        look(thing)
    else:
        left.extend(gc.get_referents(thing))
for name in [name for name in sys.modules if name.startswith(("grader", "__main__"))]:
    look(repr(vars(sys.modules[name])).encode("utf-8", "replace")[:200_000])
""",
        "Follows every object, frame and module of the package.",
        jail=True,  # without it the variables of who grades are inherited
    ),
    search(
        "objects_in_a_call",
        """
import gc, linecache

def double(number):
    for thing in gc.get_objects():
        if type(thing) is dict:
            for value in list(thing.values()):
                if type(value) is str:
                    look(value.encode("utf-8", "replace"))
    look(repr(linecache.cache).encode())
    tell()
    return 2 * number

class Keep:
    pass

kept = double
del double
globals()["right"] = kept
tell()
""",
        "Looks for the hidden test in its memory while that test calls it.",
    ),
    search(
        "keyrings_and_kernel",
        """
import ctypes

libc = ctypes.CDLL(None, use_errno=True)
print("keyctl", libc.syscall(250, 0, -3, 1) >= 0, "bpf", libc.syscall(321, 5, 0, 0) >= 0)
print("perf", libc.syscall(298, 0, 0, -1, -1, 0) >= 0, "userfaultfd", libc.syscall(323, 0) >= 0)
for path in ("/proc/kcore", "/proc/kallsyms", "/dev/mem", "/dev/kmsg", "/sys/kernel/debug", "/proc/keys", "/proc/sysrq-trigger"):
    look_into(path, 100_000)
print("io_uring", libc.syscall(425, 4, ctypes.create_string_buffer(120)) >= 0)
""",
        "Asks the kernel: keyrings, bpf, perf, userfaultfd, io_uring, /proc/kcore.",
        jail=True,
        then=unanswered,
    ),
)
