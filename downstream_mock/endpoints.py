"""What each service offers: the endpoints, what they ask for, and what they answer.

Answers follow from the request alone, so that two runs, or two attempts, agree.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self, TypeVar
from uuid import UUID, uuid5
from zlib import crc32

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from downstream_mock.exchange import Refused, error, to_json

_NAMESPACE = UUID("5f6b8f1e-3c55-4d4e-9a0b-6f1d2f0c7a11")


class Body(BaseModel):
    """A JSON object; keys that an endpoint does not know are let pass, as real services do."""

    model_config = ConfigDict(frozen=True, strict=True)


B = TypeVar("B", bound=Body)


class Text(Body):
    text: str


class Item(Body):
    sku: str = Field(min_length=1)
    quantity: int = Field(ge=1)


class Reservation(Body):
    cart_id: str = Field(min_length=1)
    items: tuple[Item, ...] = Field(min_length=1)


class Release(Body):
    reservation_id: str | None = None
    cart_id: str | None = None

    @model_validator(mode="after")
    def _names_what_to_release(self) -> Self:
        if not (self.reservation_id or self.cart_id):
            raise ValueError("reservation_id or cart_id is needed")
        return self


class Charge(Body):
    cart_id: str = Field(min_length=1)
    amount_cents: int = Field(ge=0)


class Refund(Body):
    """Whatever the caller knows of the charge: after an unknown outcome that is not its id."""


class Confirmation(Body):
    cart_id: str = Field(min_length=1)
    reservation_id: str = Field(min_length=1)
    charge_id: str = Field(min_length=1)


class Build(Body):
    month: str = Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`path` is what follows the service's name; a segment `{user}` stands for any."""

    method: str
    path: tuple[str, ...]
    answer: Callable[[str, bytes, str], dict[str, Any]]
    """From the path's user ("" where it has none), the body, and an id of this request's own."""

    def user_in(self, segments: list[str]) -> str | None:
        """None: the path is not this endpoint's."""
        if len(segments) != len(self.path):
            return None
        user = ""
        for wanted, segment in zip(self.path, segments, strict=True):
            if wanted == "{user}" and segment:
                user = segment
            elif wanted != segment:
                return None
        return user


def _post(path: str, model: type[B], answer: Callable[[B, str], dict[str, Any]]) -> Endpoint:
    def parse_and_answer(_: str, body: bytes, new_id: str) -> dict[str, Any]:
        return answer(_parse(model, body), new_id)

    return Endpoint("POST", tuple(path.split("/")), parse_and_answer)


def _get(path: str, answer: Callable[[str], dict[str, Any]]) -> Endpoint:
    return Endpoint("GET", tuple(path.split("/")), lambda user, _, __: answer(user))


def _parse(model: type[B], body: bytes) -> B:
    try:
        return model.model_validate_json(body)
    except ValidationError as invalid:
        first = invalid.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise Refused(error(400, f"{where}: {first['msg']}")) from None


def _reserve(body: Reservation, new_id: str) -> dict[str, Any]:
    return {"reservation_id": new_id, "cart_id": body.cart_id}


def _charge(body: Charge, new_id: str) -> dict[str, Any]:
    return {"charge_id": new_id, "amount_cents": body.amount_cents}


def _build(body: Build, _: str) -> dict[str, Any]:
    rows = 10_000 + crc32(body.month.encode()) % 90_000
    return {"month": body.month, "rows": rows, "url": f"https://reports.example/{body.month}.csv"}


def _balance(user: str) -> dict[str, Any]:
    return {"user_id": user, "balance_cents": crc32(user.encode()) % 1_000_000, "currency": "EUR"}


def _recommend(user: str) -> dict[str, Any]:
    first = crc32(user.encode()) % 1000
    return {"user_id": user, "items": [{"sku": f"sku-{(first + 37 * i) % 1000}"} for i in range(5)]}


def _history(user: str) -> dict[str, Any]:
    seed = crc32(user.encode())
    return {"user_id": user, "orders": [_order(seed, number) for number in (1, 2, 3)]}


def _order(seed: int, number: int) -> dict[str, Any]:
    return {"order_id": f"{seed:08x}-{number}", "amount_cents": 500 + (seed >> number) % 20_000}


ENDPOINTS: dict[str, tuple[Endpoint, ...]] = {
    "echo": (_post("echo", Text, lambda body, _: {"text": body.text}),),
    "inventory": (
        _post("reservations", Reservation, _reserve),
        _post("releases", Release, lambda _, __: {"released": True}),
    ),
    "payments": (
        _post("charges", Charge, _charge),
        _post("refunds", Refund, lambda _, __: {"refunded": True}),
    ),
    "orders": (_post("confirmations", Confirmation, lambda _, new_id: {"order_id": new_id}),),
    "accounts": (_get("{user}/balance", _balance),),
    "recommendations": (_get("{user}", _recommend),),
    "history": (_get("{user}", _history),),
    "reports": (_post("builds", Build, _build),),
}


def find(service: str, method: str, path: str) -> tuple[Endpoint, str]:
    """The endpoint and the user in its path. Raises Refused: 404, or 405 where another method would do."""
    segments = path.split("/")
    for endpoint in ENDPOINTS[service]:
        user = endpoint.user_in(segments)
        if user is None:
            continue
        if endpoint.method != method:
            allow = endpoint.method
            raise Refused(error(405, f"{method} is not allowed, {allow} is", (b"allow", allow.encode())))
        return endpoint, user
    known = [f"{endpoint.method} /{service}/{'/'.join(endpoint.path)}" for endpoint in ENDPOINTS[service]]
    raise Refused(error(404, f"nothing at /{service}/{path}", known=known))


def answer_of(endpoint: Endpoint, user: str, body: bytes, service: str, path: str, key: str | None) -> bytes:
    """Raises Refused: 400 where the body is none that the endpoint takes."""
    name = f"{service} {path} {key or body.decode('utf-8', 'replace')}"
    return to_json(endpoint.answer(user, body, str(uuid5(_NAMESPACE, name))))
