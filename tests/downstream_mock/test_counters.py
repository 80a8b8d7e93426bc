from downstream_mock.counters import EffectsPerKey


def test_effects_are_counted_for_each_key_by_itself() -> None:
    effects = EffectsPerKey()
    assert [effects.add(key) for key in ("a", "b", "a", "a", "b")] == [1, 1, 2, 3, 2]


def test_the_key_that_was_used_longest_ago_is_forgotten_first() -> None:
    effects = EffectsPerKey(max_keys=2)
    for key in ("a", "b", "a", "c"):
        effects.add(key)
    assert effects.add("a") == 3
    assert effects.add("b") == 1
