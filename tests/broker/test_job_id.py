"""An id says when it was made and in which cell; all else in it is chance."""

import uuid

from bff.broker.job_id import cell_of, is_job_id, made_at_ms, new_job_id

AT_MS = 1_795_000_000_000
CHANCE = 70


def bits_of_chance(job_id: str) -> int:
    digits = job_id.replace("-", "")
    return (int(digits[14:16], 16) & 0xFF) << 62 | int(digits[16:], 16) & (1 << 62) - 1


def test_ids_of_one_millisecond_tell_nothing_of_one_another() -> None:
    ids = {new_job_id(now_ms=AT_MS) for _ in range(20_000)}
    assert len(ids) == 20_000
    for bit in range(CHANCE):
        ones = sum(bits_of_chance(each) >> bit & 1 for each in ids)
        assert 9_000 < ones < 11_000, f"bit {bit} is set in {ones} of 20,000"


def test_an_id_is_a_uuid_of_version_7_with_its_time_and_cell() -> None:
    for cell in (0, 3, 15):
        made = new_job_id(cell, now_ms=AT_MS)
        assert is_job_id(made)
        assert (uuid.UUID(made).version, uuid.UUID(made).variant) == (7, uuid.RFC_4122)
        assert (made_at_ms(made), cell_of(made)) == (AT_MS, cell)
