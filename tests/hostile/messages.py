"""Tampering with the wire: frames that are late, huge, deep, damaged or of another kind."""

from __future__ import annotations

from hostile.case import LINK, answer, code


def raw(header: str) -> str:
    """Code that sends a frame of the codec with this header."""
    return LINK + code(f"""
    import struct

    header = ({header}).encode()
    link()._send(struct.pack("<4sI", b"STC1", len(header)) + header)
    total = 1
    """)


IN_A_CALL = "\n\ndef double(number):\n    attack()\n    return 3 * number\n"
RANGES = '["pI",null,null,["pi","right",["pR",null,0,33554432,1],["pR",null,1,33554433,1]]]'

CASES = (
    answer(
        "frame_of_no_length", LINK + "link()._send(b'')\ntotal = 1\n", "Sends an empty frame.", of="total"
    ),
    answer(
        "frame_longer_than_allowed",
        LINK
        + code("""
        import struct

        for descriptor in range(3, 64):
            try:
                os.write(descriptor, struct.pack(">I", 0xFFFFFFFF) + b"x" * 1000)
            except OSError:
                pass
        total = 1
        """),
        "Announces a frame of four gigabytes on every descriptor.",
        of="total",
    ),
    answer(
        "half_a_frame",
        LINK
        + code("""
        import struct, time

        for descriptor in range(3, 64):
            try:
                os.write(descriptor, struct.pack(">I", 400_000_000) + b"x" * 1000)
            except OSError:
                pass
        total = 1
        """),
        "Announces a frame of 400 MB and sends the beginning, so that all that follows belongs to it.",
        of="total",
    ),
    answer(
        "deep_frame",
        raw("'[' * 100_000 + ']' * 100_000"),
        "A frame nested a hundred thousand times.",
        of="total",
    ),
    answer(
        "frame_of_ranges",
        raw(f"""'[["l",' + ','.join(['{RANGES}'] * 6) + '],[]]'"""),
        "A few hundred bytes that become gigabytes when they are read.",
        of="total",
    ),
    answer(
        "ranges_to_the_judge",
        LINK
        + code(f"""
        import struct

        def attack():
            number = request("call")
            header = '[["d","id",%d,"value",["l",' % number + ','.join(['{RANGES}'] * 6) + ']],[]]'
            link()._send(struct.pack("<4sI", b"STC1", len(header)) + header.encode())
        """)
        + IN_A_CALL,
        "The same as the answer to a call of the judge's.",
        may_lose="total scale each report",
    ),
    answer(
        "flood_of_costly_frames",
        LINK
        + code("""
        frame = codec.dumps({"id": -1, "value": [[number] for number in range(100_000)]})
        send = link()._send
        while True:
            send(frame)
        """),
        "Sends frames faster than they can be read, so that no clock is looked at.",
        of="total",
    ),
    answer(
        "flood_in_a_call",
        LINK
        + code("""
        def attack():
            frame = codec.dumps({"id": -1, "value": [[number] for number in range(100_000)]})
            while True:
                link()._send(frame)
        """)
        + IN_A_CALL,
        "The same, while the judge waits for an answer.",
    ),
    answer(
        "flood_from_a_thread",
        LINK
        + code("""
        import threading

        def flood(send=link()._send, frame=codec.dumps({"id": -1, "value": "x" * 100_000})):
            while True:
                send(frame)

        threading.Thread(target=flood, daemon=True).start()
        total = 1
        """),
        "A thread goes on to send while all else is graded.",
        of="total",
        may_lose="scale each report",
    ),
    answer(
        "late_frame",
        LINK
        + code("""
        import threading, time

        def later(number, send=link()._send):
            for ahead in range(2000):
                time.sleep(0.001)
                send(codec.dumps({"id": number + ahead, "value": 42}))

        def attack():
            threading.Thread(target=later, args=(request("call"),), daemon=True).start()
        """)
        + IN_A_CALL,
        "Goes on answering the judge after the call has ended.",
        may_lose="total scale each report",
    ),
    answer(
        "two_answers",
        LINK
        + code("""
        def attack():
            number = request("call")
            for value in (42, 8, True, None):
                say(id=number, value=value)
        """)
        + IN_A_CALL,
        "Answers one call four times.",
        may_lose="doubles total scale each report",
        loses="doubles_any",
    ),
    answer(
        "never_lent",
        LINK
        + code("""
        def attack():
            for number in range(1, 9):
                for verb in ("call", "get", "item", "len"):
                    body = struct_of(verb, number)
                    link()._send(body)

        def struct_of(verb, number):
            export = lambda thing: {"yours": number}
            message = {"verb": verb, "id": 1, "target": object(), "name": "mro", "key": 0, "args": [], "kwargs": {}}
            return codec.dumps(message, export=export)
        """)
        + IN_A_CALL,
        "Asks for objects that the judge has not lent.",
        may_lose="total scale each report",
    ),
)
