import pytest

from bff.downstream.strict_json import MAX_DEPTH, is_strict_json


def nested(depth: int, opening: str = "[", closing: str = "]", inside: str = "") -> bytes:
    return (opening * depth + inside + closing * depth).encode()


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": [1, -2.5e3, true, null, "\xc3\xa9", "\\ud83d\\ude00"]}',
        b" null\n",
        b'"Infinity and NaN are words here"',
        b"1e308",
        b"[1e-999]",
        b"9" * 400,
        nested(MAX_DEPTH),
        b"[" + b"[]," * 1000 + b"{}]",
    ],
)
def test_strict_json_is_accepted(body: bytes) -> None:
    assert is_strict_json(body)


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b" ", b"<html>", b"{", b"[1,]", b"{'a': 1}", b"1 2", b"01", b"+1", b".5", b"1.", b"/**/1"),
        *(b"NaN", b"[NaN]", b"Infinity", b'{"a": -Infinity}', b"nan", b"inf"),
        *(b"1e999", b'{"a": [-1e999, "x"]}', b"9" * 400 + b".0"),
        *(b'"\\ud800"', b'"\\udc00"', b'{"\\ud800": 1}', b'"\\ud83d\\u0041"'),
        *(b'"\xff"', b'"\xed\xa0\x80"', b"\xef\xbb\xbf1", '{"a": 1}'.encode("utf-16"), b'"\x01"', b'"\n"'),
        *(nested(MAX_DEPTH + 1), nested(MAX_DEPTH, '{"a":', "}", "[]"), nested(100_000)),
    ],
)
def test_what_another_reader_might_refuse_is_no_strict_json(body: bytes) -> None:
    assert not is_strict_json(body)
