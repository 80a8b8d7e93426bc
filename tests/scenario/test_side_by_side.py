from scenario.result import Percentiles, Source
from scenario.text.side_by_side import side_by_side
from tests.scenario.played import a_stage, some_figures

METRICS = {"peak_held": 410.0, "cores": {"gateways": 0.25}}


def cells(text: str, begins: str) -> list[str]:
    line = next(line.strip() for line in text.splitlines() if line.strip().startswith(begins))
    return line.removeprefix(begins).split("  ")


def shown(text: str, begins: str) -> list[str]:
    return [cell.strip() for cell in cells(text, begins) if cell]


def test_what_became_of_the_requests_stands_beside_each_other() -> None:
    stage = a_stage()
    measured = some_figures(stage, load={"metrics": METRICS})
    predicted = some_figures(stage, Source.SIMULATION, offered=2000, peak_depth=300)
    text = side_by_side({"measured": measured, "predicted": predicted}, "spike")
    assert shown(text, "requests") == ["1,000", "2,000"]
    assert shown(text, "succeeded") == ["60.00 %", "60.00 %"]
    assert shown(text, "peak depth of the queue") == ["400", "300"]
    assert shown(text, "result, p95") == ["20.00 s", "20.00 s"]
    assert max(map(len, text.splitlines())) <= 80


def test_what_one_of_them_does_not_know_is_a_dash() -> None:
    stage = a_stage()
    measured = some_figures(stage, load={"metrics": METRICS})
    predicted = some_figures(stage, Source.SIMULATION, accept_seconds=Percentiles())
    text = side_by_side({"measured": measured, "predicted": predicted}, "spike")
    assert shown(text, "peak of jobs held") == ["410", "-"]
    assert shown(text, "answered, p50") == ["4 ms", "-"]
    assert shown(text, "cores, gateways") == ["0.25", "-"]
    assert "cores, workers" not in text  # none of them knows


def test_nothing_stands_before_that_one_of_them_is_invalid() -> None:
    stage = a_stage()
    late = some_figures(stage, load={"valid": False, "reasons": ["sent 79 ms late"]})
    text = side_by_side({"async": some_figures(stage), "sync": late}, "spike")
    assert text.startswith("INVALID: sync: sent 79 ms late\n")


def test_a_queue_that_was_never_used_is_not_said_to_have_drained() -> None:
    stage = a_stage()
    text = side_by_side({"async": some_figures(stage), "sync": some_figures(stage, peak_depth=0)}, "spike")
    assert shown(text, "empty after the last spike") == ["32.00 s", "-"]
    assert shown(text, "peak depth of the queue") == ["400", "-"]
