from hypothesis import given
from hypothesis import strategies as st

from loadtest.depth import depth_of

STAYS = st.lists(st.tuples(st.floats(0, 9), st.floats(0, 5)), max_size=40)


@given(STAYS, st.one_of(st.none(), st.floats(0, 12)))
def test_it_is_what_counting_at_every_instant_gives(stays: list[tuple[float, float]], after: float | None) -> None:
    came, went = [at for at, _ in stays], [at + stay for at, stay in stays]
    found = depth_of(came, went, 14, after)

    def inside(instant: float) -> list[float]:
        return [at for at, until in zip(came, went, strict=True) if at <= instant < until]

    assert found.peak == max((len(inside(at)) for at in came), default=0)
    assert found.depth == [len(inside(second)) for second in range(1, 15)]
    assert found.oldest_age == [second - min(inside(second), default=second) for second in range(1, 15)]
    if after is None:
        assert found.emptied_at is None
    else:
        ends = [at for at in [after, *went] if at >= after and not inside(at)]
        assert found.emptied_at == min(ends)
