import os

from stack.terminal import MAX_WAITING_LINES, Terminal


def test_what_a_part_prints_is_dropped_and_counted_where_nobody_reads() -> None:
    reading, writing = os.pipe()
    terminal = Terminal(writing)
    for number in range(MAX_WAITING_LINES + 5):
        terminal.pass_on(f"line {number}")
    terminal.say("ready")
    with os.fdopen(reading) as reader:
        with terminal:
            pass
        os.close(writing)
        lines = reader.read().splitlines()
    assert lines == [*(f"line {number}" for number in range(MAX_WAITING_LINES)), "ready"]


def test_once_lines_are_read_again_it_says_how_many_are_missing() -> None:
    reading, writing = os.pipe()
    terminal = Terminal(writing)
    for number in range(MAX_WAITING_LINES + 5):
        terminal.pass_on(f"line {number}")
    with os.fdopen(reading) as reader:
        with terminal:
            while reader.readline() != f"line {MAX_WAITING_LINES - 1}\n":
                pass
            terminal.pass_on("one more")
        os.close(writing)
        assert reader.read().splitlines() == [
            "(5 lines left out: they came faster than they were read)",
            "one more",
        ]


def test_a_reader_that_has_gone_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with Terminal(writing) as terminal:
        terminal.say("ready")
    os.close(writing)
