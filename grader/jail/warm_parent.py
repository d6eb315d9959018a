"""The warm parent's program: imports once, then forks as ordered. `python -m grader.jail.warm_parent`."""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import random
import socket
import sys
from typing import NoReturn

from grader.jail import inside, script
from grader.jail.channel import Channel
from grader.jail.zygote import BEGIN, END, EXECUTE, FORK, ORDER, REPLY, RUN, RUNNING, WAIT

JAILED = "--jailed"
MOST_REMEMBERED = 64


class WarmParent:
    """Answers orders until the other side closes.

    insider: what only a warm parent in a jail can do, or None.
    """

    def __init__(
        self, orders: socket.socket, programs: tuple[str, ...], insider: inside.Insider | None
    ) -> None:
        self._orders = orders
        self._programs = programs
        self._insider = insider
        self._running: dict[int, int] = {}
        self._ended: dict[int, int] = {}

    def serve(self) -> None:
        self._reply(0)
        while True:
            data, descriptors, _, _ = socket.recv_fds(self._orders, ORDER.size, 2)
            head = self._rest(data, ORDER.size)
            if head is None:
                return
            verb, number, index, size = ORDER.unpack(head)
            body = self._rest(b"", size)
            if body is None:
                return
            try:
                self._do(verb, number, index, body, descriptors)
            except OSError as error:
                self._reply(-(error.errno or 1))
            for descriptor in descriptors:
                os.close(descriptor)

    def _rest(self, data: bytes, size: int) -> bytes | None:
        """`data` and what is missing to `size` bytes; None if the other side has gone, also in the middle."""
        while len(data) < size:
            more = self._orders.recv(size - len(data))
            if not more:
                return None
            data += more
        return data

    def _do(self, verb: bytes, number: int, index: int, body: bytes, descriptors: list[int]) -> None:
        if verb == WAIT:
            self._reply(self._status(number))
        elif verb in (FORK, EXECUTE, RUN):
            if self._insider is not None:
                self._insider.before_fork()
            pid = os.fork()
            if pid == 0:
                self._become(verb, index, body, descriptors)
            self._running[number] = pid
            if self._insider is None:
                self._reply(pid)  # in a jail the child answers itself, and the system tells who it is
        elif self._insider is not None and verb == BEGIN:
            task = json.loads(body)
            self._insider.begin_task(inside.TaskLimits(**task["limits"]), task["copies"])
            self._forget()
            self._reply(0)
        elif self._insider is not None and verb == END:
            self._insider.end_task()
            self._reply(0)

    def _forget(self) -> None:
        """Of the children of tasks before, which have all been killed, keep the latest exit codes alone."""
        for number in list(self._running):
            self._status(number)
        for number in list(self._ended)[:-MOST_REMEMBERED]:
            del self._ended[number]

    def _reply(self, number: int) -> None:
        self._orders.sendall(REPLY.pack(number))

    def _status(self, number: int) -> int:
        """How a child ended, also when asked again; RUNNING while it has not."""
        if number in self._running:
            found, status = os.waitpid(self._running[number], os.WNOHANG)
            if not found:
                return RUNNING
            del self._running[number]
            self._ended[number] = os.waitstatus_to_exitcode(status)
        return self._ended.get(number, 0)

    # ---- in the child

    def _become(self, verb: bytes, index: int, body: bytes, descriptors: list[int]) -> NoReturn:
        """Fresh random state, then the program; never returns."""
        status = 1
        try:
            os.setsid()
            program = importlib.import_module(self._programs[index]) if verb == FORK else None
            self._close_others(descriptors)
            if self._insider is not None:
                self._confine(program, apart=bool(verb == FORK and body))
            self._orders.close()
            random.seed()
            if "numpy" in sys.modules:
                sys.modules["numpy"].random.seed()
            if verb == EXECUTE:
                execute(json.loads(body), descriptors[0])
            elif program is None:
                order = json.loads(body)
                arguments = order["arguments"][1:]  # this process is the interpreter
                status = script.run(arguments, order["environment"], order["folder"], descriptors[0])
            else:
                program.main(Channel(*descriptors))
                status = 0
        finally:
            os._exit(status)

    def _confine(self, program: object, *, apart: bool) -> None:
        assert self._insider is not None
        itself = getattr(program, "SEALS_ITSELF", False)
        try:
            inside.insider = self._insider
            self._insider.enter(judge=apart, keep_shared=itself)
            if not itself:
                self._insider.lock()
        except OSError as error:
            self._reply(-(error.errno or 1))
            raise
        self._reply(0)

    def _close_others(self, descriptors: list[int]) -> None:
        """Nothing else that is open here is the child's business."""
        kept = sorted({*descriptors, self._orders.fileno()})
        start = 3
        for descriptor in [*kept, 65536]:
            os.closerange(start, descriptor)
            start = descriptor + 1


def execute(order: dict, output: int) -> NoReturn:
    """Turn this process into a program of its own, whose stdout and stderr go to `output`."""
    script.take_streams(output)
    os.chdir(order["folder"])
    os.execve(order["arguments"][0], order["arguments"], order["environment"])


def main() -> None:
    """`python -m grader.jail.warm_parent FD [--jailed] PROGRAM PROGRAM MODULE...`"""
    orders = socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(orders.fileno(), False)
    names = [name for name in sys.argv[2:] if name != JAILED]
    insider = inside.Insider() if JAILED in sys.argv else None
    programs = tuple(name for name in names if name.startswith("grader."))
    for name in names:
        with contextlib.suppress(ImportError):  # the cell that needs it will say so
            importlib.import_module(name)
    for program in programs:
        getattr(sys.modules[program], "warm", int)()
    gc.collect()
    gc.freeze()
    if insider is not None:
        insider.ready()
    WarmParent(orders, programs, insider).serve()


if __name__ == "__main__":
    main()
