"""A catalog that contradicts itself is refused at start, with one line that names the place and what is allowed."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bff.catalog.catalog import load_catalog
from bff.catalog.model import Call, Compensation, Operation, Outcomes, Parameters, Priority, Request
from bff.catalog.operations import OPERATIONS
from bff.catalog.services import SHIPPED_SERVICES, read_services
from bff.catalog.tables import CatalogError

GOOD = {
    "base_url": '"http://127.0.0.1:9000"',
    "max_concurrency": "10",
    "timeout_seconds": "2.0",
    "expected_seconds": "0.1",
    "capacity": "100",
}


def a_file(directory: Path, more: Mapping[str, str] = {}, less: str = "") -> Path:
    """One service `echo`; its table stands on line 2."""
    lines = [f"{key} = {value}" for key, value in {**GOOD, **more}.items() if key != less]
    file = directory / "services.toml"
    file.write_text("\n".join(["# ours", "[services.echo]", *lines]) + "\n")
    return file


class Text(Parameters):
    text: str


def build(parameters: Text, outcomes: Outcomes) -> Request:
    return Request("POST", "/", {"text": parameters.text})


def a_call(name: str = "echo", service: str = "echo", **more: Any) -> Call:
    return Call(name=name, service=service, build=build, **more)


def an_operation(*calls: Call, **more: Any) -> Operation:
    defaults: dict[str, Any] = {
        "name": "talk",
        "summary": "Talk.",
        "parameters": Text,
        "example": {"text": "hi"},
        "calls": calls or (a_call(),),
        "timeout_seconds": dict.fromkeys(Priority, 10.0),
    }
    return Operation(**{**defaults, **more})


def complaint(directory: Path, *operations: Operation, services: Path | None = None) -> str:
    with pytest.raises(CatalogError) as refused:
        load_catalog(services or a_file(directory), operations=operations or [an_operation()])
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_the_shipped_catalog_is_in_order() -> None:
    catalog = load_catalog()
    assert list(catalog.operations) == ["echo", "checkout", "home-screen", "report"]


@pytest.mark.parametrize(
    ("more", "less", "line", "said"),
    [
        ({"max_concurency": "3"}, "", 8, "unknown key; allowed: admission, base_url, breaker, capacity"),
        ({}, "capacity", 2, "services.echo lacks capacity"),
        ({"max_concurrency": "0"}, "", 4, "services.echo.max_concurrency: Input should be greater than or equal to 1"),
        ({"base_url": '"ftp://x"'}, "", 3, "services.echo.base_url"),
        ({"base_url": '"${NOWHERE}/x"'}, "", 3, "services.echo.base_url: variable 'NOWHERE' is not set"),
        ({"base_url": '"http://$"'}, "", 3, "services.echo.base_url: a $ begins a variable, as in ${NAME}"),
        ({"base_url": '"http://user@host"'}, "", 3, "services.echo.base_url"),
        ({"base_url": '"http://host:65536"'}, "", 3, "services.echo.base_url"),
        ({"base_url": '"http://[1:2]"'}, "", 3, "services.echo.base_url"),
        ({"base_url": '"http://xn--.invalid"'}, "", 3, "base_url: 'xn--.invalid' is not the name of a host"),
        ({"base_url": '"http://caf\u00e9.example"'}, "", 3, "base_url: a host is letters, digits, hyphens and under"),
        ({"base_url": '"http://a..b"'}, "", 3, "base_url: a host is letters, digits, hyphens and under"),
        ({"base_url": "'http://a\\b'"}, "", 3, "base_url: a host is letters, digits, hyphens and under"),
        ({"base_url": '"http://host/\\u007f"'}, "", 3, "services.echo.base_url: String should match"),
        ({"base_url": '"http://999.1.1.1"'}, "", 3, "services.echo.base_url: Octet 999 (> 255) not permitted"),
        ({}, "base_url", 2, "services.echo lacks base_url"),
        ({"name": '"other"'}, "", 8, "unknown key 'name'; the table names the service"),
        ({"shares": "{ high = 1.0, normal = 1.0, low = 0 }"}, "", 8, "services.echo.shares.low: Input should be gr"),
        ({"max_wait_seconds": "inf"}, "", 8, "services.echo.max_wait_seconds.high: Input should be less than or equal"),
        ({"rate_per_second": "nan"}, "", 8, "services.echo.rate_per_second: Input should be "),
        ({"retry": "{ attempt = 3 }"}, "", 8, "retry.attempt: unknown key; allowed: attempts, base_seconds, max_s"),
        ({"retry": "3"}, "", 8, "services.echo.retry: "),
        ({"expected_seconds": "3.0"}, "", 2, "expected_seconds 3 is above timeout_seconds 2"),
        ({"shares": "{ high = 2.0 }"}, "", 2, "shares needs high, normal and low"),
        (
            {"max_wait_seconds": "{ hihg = 2.0 }"},
            "",
            8,
            "max_wait_seconds.hihg: Input should be 'high', 'normal' or 'low' (got",
        ),
        ({"retry": "{ attempts = 0 }"}, "", 8, "services.echo.retry.attempts"),
        ({"retry": "{ base_seconds = 9.0, max_seconds = 1.0 }"}, "", 8, "base_seconds 9 is above max_seconds 1"),
        ({"capacity": '"many"'}, "", 7, "services.echo.capacity"),
        ({"admission": '"capasity"'}, "", 8, "services.echo.admission: Input should be 'full', 'capacity' or 'none'"),
    ],
)
def test_a_services_file_is_refused_with_the_line(
    tmp_path: Path, more: dict[str, str], less: str, line: int, said: str
) -> None:
    text = complaint(tmp_path, services=a_file(tmp_path, more, less))
    assert text.startswith(f"{tmp_path / 'services.toml'}, line {line}: ")
    assert said in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[services.mail]\n", "line 1: services.mail: notifications are counted under this name"),
        ("[services.echo\n", "line 1"),
        ("[sevices.echo]\n", "line 1: unknown table or key 'sevices'; allowed: [services.NAME]"),
        ("", "no service in it"),
        ("services = 3\n", "no service in it"),
        ("[services]\necho = 3\n", "services.echo must be a table"),
        (
            '[services.echo]\nbase_url = "http://echo"\nexpected_seconds = 0.1\n',
            "line 1: services.echo lacks max_concurrency, timeout_seconds, capacity",
        ),
    ],
)
def test_what_is_no_services_file_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "services.toml"
    file.write_text(text)
    assert said in complaint(tmp_path, services=file)


def test_a_key_of_a_table_within_a_table_is_found_on_its_line(tmp_path: Path) -> None:
    file = a_file(tmp_path)
    file.write_text(file.read_text() + "[services.echo.retry]\nmax_seconds = 1.0\nattempts = 50\n")
    text = complaint(tmp_path, services=file)
    assert text.startswith(f"{file}, line 8: services.echo.retry.attempts: ")


def test_of_several_services_the_wrong_one_is_named(tmp_path: Path) -> None:
    file = a_file(tmp_path)
    file.write_text(file.read_text() + file.read_text().replace("echo", "other-one").replace("= 10\n", "= -1\n"))
    assert f"{file}, line 11: services.other-one.max_concurrency: " in complaint(tmp_path, services=file)


def test_a_service_has_a_name_that_keys_and_labels_can_bear(tmp_path: Path) -> None:
    file = a_file(tmp_path)
    file.write_text(file.read_text().replace("services.echo", 'services."Echo 2"'))
    text = complaint(tmp_path, services=file)
    assert text.startswith(f"{file}, line 2: services.Echo 2: ")
    assert "[a-z][a-z0-9-]" in text


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "services.toml").write_bytes(b"\xff\xfe")
    assert "services.toml: 'utf-8' codec" in complaint(tmp_path, services=tmp_path / "services.toml")


def test_a_number_stands_for_every_priority(tmp_path: Path) -> None:
    echo = read_services(a_file(tmp_path, {"max_wait_seconds": "45", "shares": "0.5"}))["echo"]
    assert echo.max_wait_seconds == dict.fromkeys(Priority, 45)
    assert echo.bounds == dict.fromkeys(Priority, 50)


def test_every_priority_has_at_least_one_place(tmp_path: Path) -> None:
    shares = {"shares": "{ high = 1.0, normal = 0.5, low = 0.001 }"}
    assert list(read_services(a_file(tmp_path, shares))["echo"].bounds.values()) == [100, 50, 1]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "No such file" in complaint(tmp_path, services=tmp_path / "none.toml")


@pytest.mark.parametrize(
    "host",
    ["payments", "My_Service.shop.svc.cluster.local.", "xn--caf-dma.example", "127.0.0.1", "[::1]", "1.2.3.4.5"],
)
def test_a_host_may_be_any_name_or_address(tmp_path: Path, host: str) -> None:
    file = a_file(tmp_path, {"base_url": f'"https://{host}:8443/x"'})
    assert load_catalog(file, operations=[an_operation()]).services["echo"].base_url == f"https://{host}:8443/x"


def test_a_base_url_takes_its_host_from_outside() -> None:
    services = read_services(SHIPPED_SERVICES, {"DOWNSTREAM_URL": "https://shop.example"})
    assert services["payments"].base_url == "https://shop.example/payments"


REFUND = Compensation(name="echo", service="echo", build=build)
SOMEWHERE = Compensation(name="undo", service="nowhere", build=build)


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        (an_operation(name="Talk"), "a name is 1 to 20 of a-z"),
        (an_operation(*[a_call(f"c{n}") for n in range(9)]), "has 9 calls; allowed: 1 to 8"),
        (an_operation(a_call("Say it")), "'Say it': a name is 1 to 20 of a-z, 0-9 and '-', a letter first"),
        (an_operation(a_call("x" * 21)), "a name is 1 to 20"),
        (an_operation(a_call(service="nowhere")), "service 'nowhere' is not in"),
        (an_operation(a_call(compensation=SOMEWHERE)), "service 'nowhere' is not in"),
        (an_operation(a_call(after=("echo",))), "waits after 'echo', which does not stand before it; before it: none"),
        (an_operation(a_call("a", compensation=REFUND), a_call()), "the name 'echo' is taken by another call"),
        (an_operation(a_call(inline=True)), "every call is inline; at least one must be left to the workers"),
        (an_operation(a_call(inline=True, cache_seconds=3), a_call("b")), "is inline, a read before anything else"),
        (
            an_operation(a_call(after=("later",)), a_call("later")),
            "waits after 'later', which does not stand before it",
        ),
        (an_operation(a_call(), a_call()), "the name 'echo' is taken by another call"),
        (an_operation(a_call(compensation=REFUND)), "the name 'echo' is taken by another call"),
        (an_operation(a_call("a", required=False), a_call("b", after=("a",))), "waits after 'a', which is optional"),
        (an_operation(a_call(required=False)), "no call is required"),
        (an_operation(a_call(inline=True), a_call("b")), "inline_concurrency must be above 0"),
        (an_operation(a_call(cache_seconds=-1)), "cache_seconds is -1; allowed: 0 (off) or more"),
        (an_operation(example={"text": 3}), "its example is refused: text: Input should be a valid string"),
        (an_operation(timeout_seconds={Priority.HIGH: 1.0}), "timeout_seconds needs each of high, normal, low"),
        (an_operation(max_timeout_seconds=5), "timeout_seconds is above max_timeout_seconds 5"),
        (an_operation(timeout_seconds=dict.fromkeys(Priority, 0.1)), "expected to take 0.1 s, its clients wait 0.1 s"),
    ],
)
def test_an_operation_is_refused_with_its_place(tmp_path: Path, operation: Operation, said: str) -> None:
    text = complaint(tmp_path, operation)
    assert said in text
    assert "test_catalog.py, line " in text


def test_a_name_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    assert complaint(tmp_path, an_operation(), an_operation()) == "operation 'talk' is defined twice"


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_call_of_a_shipped_operation_can_be_built(operation: Operation) -> None:
    parameters = operation.parameters.model_validate(operation.example)
    outcomes = {"reserve": {"reservation_id": "r"}, "charge": {"charge_id": "c"}}
    for call in operation.calls:
        assert call.build(parameters, outcomes).path.startswith("/")
        if call.compensation:
            assert call.compensation.build(parameters, {}).path.startswith("/")


@pytest.mark.parametrize(
    ("written", "line", "said"),
    [
        ("OPERATIONS = (\n  1,\n", 1, "SyntaxError: '(' was never closed"),
        ("\nOPERATIONS = [int('x')]\n", 2, "ValueError: invalid literal for int() with base 10: 'x'"),
        ("\n\nfrom bff.catalog.model import Operation\nOPERATIONS = [\n  Operation(nmae='x'),\n]\n", 5, "TypeError: "),
        ("\nimport fractions\nHALF = fractions.Fraction('half')\n", 3, "ValueError: Invalid literal for Fraction"),
        ("\nimport nowhere.at_all\n", 2, "ModuleNotFoundError: No module named 'nowhere'"),
        (
            "from pydantic import BaseModel, Field\nclass P(BaseModel):\n  n: int = Field(max_length=3)\nP(n=1)\n",
            4, "TypeError: Unable to apply constraint",
        ),
    ],
)  # fmt: skip
def test_a_mistake_in_the_operations_python_is_one_line_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, line: int, said: str
) -> None:
    (tmp_path / "mistaken.py").write_text(written)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("bff.catalog.catalog._OPERATIONS", "mistaken")
    with pytest.raises(CatalogError) as refused:
        load_catalog()
    sys.modules.pop("mistaken", None)
    assert str(refused.value).startswith(f"{tmp_path / 'mistaken.py'}, line {line}: {said}")
    assert "\n" not in str(refused.value)


def test_a_module_of_operations_without_any_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "forgetful.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("bff.catalog.catalog._OPERATIONS", "forgetful")
    with pytest.raises(CatalogError, match=r"^forgetful: AttributeError: .* has no attribute 'OPERATIONS'"):
        load_catalog()
    del sys.modules["forgetful"]
