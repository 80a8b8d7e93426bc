import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from gateway.headers import IndexedHeaders

NAMES = ["Prefer", "Idempotency-Key", "traceparent"]
RAW = st.lists(st.tuples(st.sampled_from([name.lower().encode() for name in NAMES]), st.binary(max_size=5)), max_size=6)


@given(RAW, st.sampled_from(NAMES))
def test_they_are_what_starlettes_are(raw: list[tuple[bytes, bytes]], name: str) -> None:
    indexed, plain = IndexedHeaders({"headers": raw}), Headers(raw=raw)
    assert indexed.get(name) == plain.get(name)
    assert indexed.get(name, "none") == plain.get(name, "none")
    assert indexed.getlist(name) == plain.getlist(name)
    assert (name in indexed) == (name in plain)
    assert list(indexed.items()) == list(plain.items())
    if name in plain:
        assert indexed[name] == plain[name]
    else:
        with pytest.raises(KeyError):
            indexed[name]
