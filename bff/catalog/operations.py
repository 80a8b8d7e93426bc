"""The operations that this gateway offers. Edit this file to make it your own."""

from typing import Annotated

from pydantic import Field

from bff.catalog.model import Call, Compensation, Operation, Outcomes, Parameters, Priority, Request


class Echo(Parameters):
    text: Annotated[str, Field(min_length=1, max_length=10_000, description="Sent back as it is.")]


def _echo(parameters: Echo, outcomes: Outcomes) -> Request:
    return Request("POST", "/echo", {"text": parameters.text})


class Item(Parameters):
    sku: Annotated[str, Field(min_length=1, max_length=64)]
    quantity: Annotated[int, Field(ge=1, le=1_000)]


class Checkout(Parameters):
    cart_id: Annotated[str, Field(min_length=1, max_length=64)]
    amount_cents: Annotated[int, Field(ge=1, le=100_000_000, description="What is charged, in cents.")]
    items: Annotated[tuple[Item, ...], Field(min_length=1, max_length=100, strict=False)]


def _reserve(checkout: Checkout, outcomes: Outcomes) -> Request:
    items = [item.model_dump() for item in checkout.items]
    return Request("POST", "/reservations", {"cart_id": checkout.cart_id, "items": items})


def _release(checkout: Checkout, outcomes: Outcomes) -> Request:
    return Request("POST", "/releases", {"cart_id": checkout.cart_id})


def _charge(checkout: Checkout, outcomes: Outcomes) -> Request:
    return Request("POST", "/charges", {"cart_id": checkout.cart_id, "amount_cents": checkout.amount_cents})


def _refund(checkout: Checkout, outcomes: Outcomes) -> Request:
    return Request("POST", "/refunds", {"cart_id": checkout.cart_id, "amount_cents": checkout.amount_cents})


def _confirm(checkout: Checkout, outcomes: Outcomes) -> Request:
    reservation_id = outcomes["reserve"]["reservation_id"]
    charge_id = outcomes["charge"]["charge_id"]
    return Request(
        "POST",
        "/confirmations",
        {"cart_id": checkout.cart_id, "reservation_id": reservation_id, "charge_id": charge_id},
    )


OPERATIONS = (
    Operation(
        name="echo",
        summary="Send a text to the echo service and back: the least work there is.",
        parameters=Echo,
        example={"text": "hi"},
        calls=(Call(name="echo", service="echo", build=_echo),),
        timeout_seconds=dict.fromkeys(Priority, 10.0),
    ),
    Operation(
        name="checkout",
        summary="Reserve the stock, charge the customer, confirm the order.",
        parameters=Checkout,
        example={"cart_id": "c1", "amount_cents": 1999, "items": [{"sku": "A", "quantity": 1}]},
        calls=(
            Call(
                name="reserve",
                service="inventory",
                build=_reserve,
                compensation=Compensation(name="release", service="inventory", build=_release),
            ),
            Call(
                name="charge",
                service="payments",
                build=_charge,
                after=("reserve",),
                compensation=Compensation(name="refund", service="payments", build=_refund),
            ),
            Call(name="confirm", service="orders", build=_confirm, after=("charge",)),
        ),
        timeout_seconds=dict.fromkeys(Priority, 60.0),
    ),
)
