import pytest

from loadtest.watch.exposition import Sample, Wanted

PAGE = """\
# HELP bff_queue_depth Booked waiting places.
# TYPE bff_queue_depth gauge
bff_queue_depth{service="payments",priority="high"} 3.0
bff_queue_depth{service="payments",priority="low"} 1e+02
bff_queue_depth_of_another{service="payments"} 7.0
bff_sync_jobs 4.0 1700000000000
odd{text="a \\"quoted\\\\ \\n{word}, x=\\"1\\""} +Inf
"""


def test_only_what_is_wanted_is_found() -> None:
    found = list(Wanted(["bff_queue_depth", "bff_sync_jobs"]).of(PAGE))
    assert found == [
        Sample("bff_queue_depth", {"service": "payments", "priority": "high"}, 3.0),
        Sample("bff_queue_depth", {"service": "payments", "priority": "low"}, 100.0),
        Sample("bff_sync_jobs", {}, 4.0),
    ]


def test_labels_may_hold_anything() -> None:
    (sample,) = Wanted(["odd"]).of(PAGE)
    assert sample.labels == {"text": 'a "quoted\\ \n{word}, x="1"'}
    assert sample.value == float("inf")


def test_a_value_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="many"):
        list(Wanted(["bff_queue_depth"]).of("bff_queue_depth many\n"))
