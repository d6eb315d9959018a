"""Frames over a pair of pipes: a length, then that many bytes. Nothing here reads their meaning."""

from __future__ import annotations

import contextlib
import os
import select
import struct
import threading

LENGTH = struct.Struct(">I")
_SURELY_TAKEN = getattr(select, "PIPE_BUF", 512) - LENGTH.size
MAX_FRAME_BYTES = 256 * 1024 * 1024 + 65536  # a value of the largest size, and its names


class ChannelClosed(ConnectionError):
    """The other side has gone."""


class ChannelDamaged(ChannelClosed):
    """The other side sent what is no frame; it may be running still."""


class Channel:
    """Blocking frames over two file descriptors, which it owns."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self._reader = os.fdopen(read_fd, "rb")
        self._writer = os.fdopen(write_fd, "wb", buffering=0)
        self._lock = threading.Lock()

    def send(self, frame: bytes) -> None:
        """Write one frame; raises ChannelClosed when nobody reads any more."""
        view = memoryview(LENGTH.pack(len(frame)) + frame)
        with self._lock:
            try:
                while view:
                    written = self._writer.write(view)
                    view = view[written or 0 :]
            except (OSError, ValueError) as error:
                raise ChannelClosed("the other side has gone") from error

    def takes(self, frame: bytes) -> bool:
        """Whether `send` would not wait: the frame is small and there is room, as far as the system can tell."""
        if len(frame) > _SURELY_TAKEN or not hasattr(select, "poll"):
            return False
        poll = select.poll()
        try:
            poll.register(self._writer.fileno(), select.POLLOUT)
            return bool(poll.poll(0))
        except (OSError, ValueError):
            return True  # it is closed, which `send` will say

    def receive(self) -> bytes:
        """Read one frame; raises ChannelClosed at the end or on a length that no frame has."""
        head = self._read(LENGTH.size)
        if len(head) < LENGTH.size:
            raise ChannelClosed("the other side has gone")
        (length,) = LENGTH.unpack(head)
        if length > MAX_FRAME_BYTES:
            raise ChannelDamaged("a frame is larger than the limit")
        body = self._read(length)
        if len(body) < length:
            raise ChannelClosed("the other side went in the middle of a frame")
        return body

    def _read(self, size: int) -> bytes:
        try:
            return self._reader.read(size)
        except (OSError, ValueError) as error:
            raise ChannelClosed("the other side has gone") from error

    def close(self, *, reader: bool = True) -> None:
        """Close the ends; a second call does nothing.

        reader: False where a thread is still reading, which closing would wait for.
        """
        for end in (self._reader, self._writer) if reader else (self._writer,):
            with contextlib.suppress(OSError):
                end.close()


def take_standard_pipes() -> Channel:
    """Turn this process's stdin and stdout into a channel, and point both at nothing.

    Descriptors above 2 are not inherited by what this process starts.
    """
    channel = Channel(os.dup(0), os.dup(1))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)
    return channel
