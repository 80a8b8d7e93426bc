"""A scenario that contradicts itself is refused, with the line and what was meant; every key of the format is taken."""

import tomllib
from pathlib import Path

import pytest

from bff.catalog.catalog import load_catalog
from bff.catalog.model import Priority
from bff.policies.admission import Admission
from scenario.model import Arrivals, Discipline, Distribution, Pattern, Scenario, Wait
from scenario.reading import ScenarioError, parse_scenario, read_scenario

CATALOG = load_catalog()
LEAST = "[traffic]\nbaseline_per_second = 10\n"
SPIKE = LEAST + "[[traffic.spikes]]\nat_seconds = 5\nduration_seconds = 10\nrate_per_second = 50\n"
SERVICE = LEAST + '[[services]]\nname = "payments"\n'

EVERY_KEY = """
name = "flash-sale"
seed = 1
replications = 30
pattern = "async"
gateway_concurrency = 300

[traffic]
arrivals = "poisson"
baseline_per_second = 10
duration_seconds = 900
warmup_seconds = 0
mix = [{operation = "checkout", priority = "normal", share = 1.0}]
[[traffic.spikes]]
at_seconds = 60
duration_seconds = 600
rate_per_second = 500
ramp_seconds = 0
every_seconds = 0

[clients]
timeout_seconds = 60
wait = "poll"
poll_seconds = 2
retries = 0
retry_backoff_seconds = 1.0
honours_retry_after = true
cancels = true

[[services]]
name = "payments"
max_concurrency = 100
rate_per_second = 0
time = {distribution = "exponential", mean_seconds = 0.8, cv = 1.0}
error_rate = 0.0

[queue]
capacity = 15000
shares = {high = 1.0, normal = 1.0, low = 1.0}
ttl_seconds = 45
admission = "full"
discipline = "weighted"

[slo]
success_share = 0.997
accept_p99_seconds = 0.25
result_p95_seconds = 10
drain_seconds = 300
"""


def read(text: str) -> Scenario:
    return parse_scenario(tomllib.loads(text), text, "s.toml", CATALOG)


def complaint(text: str) -> str:
    with pytest.raises(ScenarioError) as refused:
        read(text)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_the_baseline_is_all_that_has_to_be_said() -> None:
    scenario = read(LEAST)
    assert (scenario.name, scenario.seed, scenario.replications) == ("unnamed", 1, 30)
    assert scenario.queue.shares == dict.fromkeys(Priority, 1.0)
    assert scenario.traffic.each_spike() == []


def test_every_key_is_taken() -> None:
    scenario = read(EVERY_KEY)
    assert (scenario.pattern, scenario.traffic.arrivals, scenario.clients.wait) == (
        Pattern.ASYNC,
        Arrivals.POISSON,
        Wait.POLL,
    )
    assert (scenario.queue.admission, scenario.queue.discipline) == (Admission.FULL, Discipline.WEIGHTED)
    assert scenario.services[0].time.distribution is Distribution.EXPONENTIAL
    assert scenario.clients.cancels
    assert scenario.slo.success_share == 0.997


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "traffic is missing"),
        ("[traffic]\n", 1, "traffic.baseline_per_second is missing"),
        ("\n[traffic]\nduration_seconds = 5\n", 2, "traffic.baseline_per_second is missing"),
        ("[traffic]\nbaseline_per_secnd = 5\n", 2, "unknown key (is 'baseline_per_second' meant?); allowed: arrivals"),
        (LEAST + "[quee]\ncapacity = 5\n", 3, "quee: unknown key (is 'queue' meant?); allowed: name, seed"),
        (LEAST + "burst = 5\n", 3, "traffic.burst: unknown key; allowed: arrivals, baseline_per_second"),
        (LEAST + '[clients]\nwait = "websockets"\n', 4, "Input should be 'poll', 'backoff', 'long_poll', 'sse' or"),
        (LEAST + "[queue]\ncapacity = 0\n", 4, "queue.capacity: Input should be greater than or equal to 1 (got 0)"),
        (LEAST + '[queue]\ncapacity = "9"\n', 4, "queue.capacity: Input should be a valid integer (got '9')"),
        (LEAST + "[queue]\nttl_seconds = nan\n", 4, "queue.ttl_seconds: Input should be "),
        (LEAST + "[queue]\nshares = {high = 1.0}\n", 3, "queue: shares needs each of high, normal, low"),
        (
            LEAST + "[queue]\nshares = {high = 1.0, normal = 1.0, low = 0.0}\n",
            4,
            "queue.shares.low: Input should be gr",
        ),
        (LEAST + "[queue.shares]\nhigh = 1.0\nnormal = 2.0\nlow = 1.0\n", 5, "queue.shares.normal: Input should be le"),
        ("queue.capacity = 5\nqueue.ttl_seconds = -1\n" + LEAST, 2, "queue.ttl_seconds: Input should be greater"),
        ("seed = 2012-12-12\n" + LEAST, 1, "seed: Input should be a valid integer (got '2012-12-12')"),
        (LEAST + "warmup_seconds = 60\n", 1, "warmup_seconds 60 leaves nothing of duration_seconds 60"),
        (LEAST + "mix = []\n", 3, "traffic.mix: Tuple should have at least 1 item"),
        (LEAST + "mix = [{share = 0.5}]\n", 1, "traffic: the shares of mix add up to 0.5; they must to 1"),
        (LEAST + "mix = [{share = 0.5}, {share = 0.5}]\n", 1, "mix has checkout (normal) twice; give it one share"),
        (
            LEAST + 'mix = [{operation = "chekout"}]\n',
            3,
            "no operation 'chekout' (is 'checkout' meant?); there are: ec",
        ),
        (LEAST + 'mix = [{priority = "urgent"}]\n', 3, "traffic.mix.0.priority: Input should be 'high', 'normal' or"),
        ("[traffic]\nbaseline_per_second = 0\n", 1, "traffic: 0 arrivals are expected; allowed: 1 to 20,000,000"),
        ("[traffic]\nbaseline_per_second = 0.01\n", 1, "traffic: 0.6 arrivals are expected; allowed: 1 to 20,000,000"),
        ('"[key]" = 1\n' + LEAST, 1, "[key]: unknown key; allowed: name, seed"),
        ("[traffic]\nbaseline_per_second = 400_000\n", 1, "traffic: 24,000,000 arrivals are expected; allowed"),
        (SPIKE + "ramp_seconds = 6\n", 3, "ramp_seconds 6, up and down again, is longer than duration_seconds 10"),
        (SPIKE + "every_seconds = 9\n", 3, "every_seconds 9 is shorter than duration_seconds 10"),
        (SPIKE + "ramp = 6\n", 7, "traffic.spikes.0.ramp: unknown key; allowed: at_seconds, duration_seconds"),
        (SPIKE.replace("at_seconds = 5\n", ""), 3, "traffic.spikes.0.at_seconds is missing"),
        (SPIKE.replace("at_seconds = 5", "at_seconds = 60"), 1, "begins at_seconds 60, when the run is over (dur"),
        (
            SPIKE + "[[traffic.spikes]]\nat_seconds = 14\nduration_seconds = 1\nrate_per_second = 9\n",
            1,
            "a spike begins at 14 s, while the one before lasts until 15 s",
        ),
        (
            SPIKE + "[[traffic.spikes]]\nat_seconds = 30\nduration_seconds = 0\nrate_per_second = 9\n",
            9,
            "traffic.spikes.1.duration_seconds: Input should be greater than 0",
        ),
        (
            SPIKE.replace("duration_seconds = 10", "duration_seconds = 1e-6") + "every_seconds = 1e-6\n",
            1,
            "every_seconds 1e-06 repeats a spike 55,000,000 times; allowed: 10,000",
        ),
        (SERVICE + '[[services]]\nname = "payments"\n', 0, "service 'payments' is named twice"),
        (
            SERVICE + '[[services]]\nname = "echo"\n',
            6,
            "'echo' is called by no operation of the mix; called: inventory",
        ),
        (SERVICE.replace("payments", "payment"), 4, "'payment' is called by no operation of the mix (is 'payments' me"),
        (SERVICE + "time = { mean_seconds = 0 }\n", 5, "services.0.time.mean_seconds: Input should be gre"),
        (
            SERVICE + 'time = { distribution = "gamma", mean_seconds = 1, cv = 1e-200 }\n',
            5,
            "cv 1e-200 is neither 0 nor at least 0.001",
        ),
        (
            SERVICE + "time = { mean_secs = 1 }\n",
            5,
            "services.0.time.mean_secs: unknown key (is 'mean_seconds' meant?); allo",
        ),
        (
            SERVICE
            + '[services.time]\nmean_seconds = 1\n[[services]]\nname = "orders"\n[services.time]\nmean_seconds = -1\n',
            10,
            "services.1.time.mean_seconds: Input should be greater than or equal to 0.000001",
        ),
        (LEAST + "[slo]\nsuccess_share = 99.7\n", 4, "slo.success_share: Input should be less than or equal to 1"),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_what_was_meant(text: str, line: int, said: str) -> None:
    found = complaint(text)
    assert found.startswith(f"s.toml, line {line}: " if line else "s.toml: ")
    assert said in found


def test_what_is_nested_too_deeply_is_refused_in_one_line() -> None:
    with pytest.raises(ScenarioError, match=r"^s\.toml: it is nested too deeply$"):
        parse_scenario(tomllib.loads("a." * 5000 + "b = 1"), "", "s.toml", CATALOG)


def test_spikes_that_repeat_are_counted_until_the_end() -> None:
    text = SPIKE.replace("[traffic]", "[traffic]\nduration_seconds = 100", 1) + "every_seconds = 30\n"
    assert [at for at, _ in read(text).traffic.each_spike()] == [5, 35, 65, 95]


def test_to_scale_rates_slots_and_places_shrink_together_and_times_do_not() -> None:
    whole = read(EVERY_KEY)
    tenth = whole.scaled(0.1)
    assert tenth.traffic.baseline_per_second == 1
    assert [spike.rate_per_second for spike in tenth.traffic.spikes] == [50]
    assert (tenth.services[0].max_concurrency, tenth.queue.capacity, tenth.gateway_concurrency) == (10, 1_500, 30)
    assert (tenth.clients, tenth.slo, tenth.queue.ttl_seconds) == (whole.clients, whole.slo, 45)
    assert whole.scaled(1) is whole
    assert whole.scaled(1e-6).services[0].max_concurrency == 1


def test_the_format_is_the_one_that_is_read_here() -> None:
    """So that a key that is added to the model is added to the sample above."""
    table = tomllib.loads(EVERY_KEY)
    dumped = read(EVERY_KEY).model_dump(mode="json")
    assert table.keys() == dumped.keys()
    for name in ("traffic", "clients", "queue", "slo"):
        assert table[name].keys() == dumped[name].keys()
    for several in ((table["services"], dumped["services"]), (table["traffic"]["spikes"], dumped["traffic"]["spikes"])):
        assert several[0][0].keys() == several[1][0].keys()


def test_a_file_that_is_no_toml_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "broken.toml"
    file.write_text("[traffic\n")
    for path in (file, tmp_path / "missing.toml"):
        with pytest.raises(ScenarioError) as refused:
            read_scenario(str(path), CATALOG)
        assert str(refused.value).startswith(str(path))
        assert "\n" not in str(refused.value)


def test_a_name_without_a_path_is_looked_up_among_the_shipped_ones() -> None:
    assert read_scenario("flash-sale", CATALOG).name == "flash-sale"
    with pytest.raises(ScenarioError, match=r"no scenario 'flash-sail' \(is 'flash-sale' meant\?\); shipped: .*flash"):
        read_scenario("flash-sail", CATALOG)
