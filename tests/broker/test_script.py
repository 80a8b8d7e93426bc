import hashlib
from pathlib import Path

import pytest

from bff.broker.script import Run, Script, as_batch, batched, script


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "lib").mkdir()
    return tmp_path


def test_a_script_is_known_by_the_hash_that_redis_gives_it() -> None:
    assert Script("one", "return 1").sha == hashlib.sha1(b"return 1").hexdigest()


def test_an_include_stands_where_it_was_asked_for_and_only_once(directory: Path) -> None:
    (directory / "lib" / "time.lua").write_text("local now = 1\n")
    (directory / "lib" / "job.lua").write_text("--#include time\nlocal job = now\n")
    (directory / "submit.lua").write_text("-- Submit.\n--#include job\n--#include time\nreturn job\n")
    assert script("submit", directory).source == "-- Submit.\nlocal now = 1\nlocal job = now\nreturn job\n"


def test_libraries_that_include_each_other_come_to_an_end(directory: Path) -> None:
    (directory / "lib" / "a.lua").write_text("--#include b\nlocal a = 1\n")
    (directory / "lib" / "b.lua").write_text("--#include a\nlocal b = 1\n")
    (directory / "both.lua").write_text("--#include a\n")
    assert script("both", directory).source == "local b = 1\nlocal a = 1\n"


def test_an_unknown_script_is_refused_with_the_names_there_are(directory: Path) -> None:
    (directory / "take.lua").touch()
    (directory / "finish.lua").touch()
    with pytest.raises(ValueError, match="no script is named 'tkae'; there are: finish, take"):
        script("tkae", directory)


def test_an_unknown_include_is_refused_with_who_asks_for_it(directory: Path) -> None:
    (directory / "take.lua").write_text("--#include jbo\n")
    with pytest.raises(ValueError, match=r"take\.lua includes 'jbo', which is not in the library; there are: none"):
        script("take", directory)


def test_a_batched_script_makes_its_libraries_once_and_its_body_a_function(directory: Path) -> None:
    (directory / "lib" / "batch.lua").write_text("return run(KEYS, ARGV)\n")
    (directory / "lib" / "job.lua").write_text("local job = 1\n")
    (directory / "submit.lua").write_text("-- Submit.\n--#include job\nreturn job\n")
    both = batched("submit", directory)
    assert both.batched
    expected = "-- Submit.\nlocal job = 1\nlocal function run(KEYS, ARGV)\nreturn job\nend\nreturn run(KEYS, ARGV)\n"
    assert both.source == expected


def test_a_batch_says_how_much_is_whose() -> None:
    runs: list[Run] = [(["a", "b"], ["x"]), (["c"], [b"y", 2, "z"])]
    assert as_batch(runs) == (["a", "b", "c"], [2, 2, 1, 1, 3, "x", b"y", 2, "z"])
