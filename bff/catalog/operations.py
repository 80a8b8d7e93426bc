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


class HomeScreen(Parameters):
    user_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


def _balance(parameters: HomeScreen, outcomes: Outcomes) -> Request:
    return Request("GET", f"/{parameters.user_id}/balance")


def _recommendations(parameters: HomeScreen, outcomes: Outcomes) -> Request:
    return Request("GET", f"/{parameters.user_id}")


def _history(parameters: HomeScreen, outcomes: Outcomes) -> Request:
    return Request("GET", f"/{parameters.user_id}")


class Report(Parameters):
    month: Annotated[str, Field(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$", description="YYYY-MM")]


def _build(parameters: Report, outcomes: Outcomes) -> Request:
    return Request("POST", "/builds", {"month": parameters.month})


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
    Operation(
        name="home-screen",
        summary="What a home screen shows: the balance at once, the rest as it comes.",
        parameters=HomeScreen,
        example={"user_id": "u1"},
        calls=(
            Call(name="balance", service="accounts", build=_balance, inline=True),
            Call(
                name="recommendations",
                service="recommendations",
                build=_recommendations,
                required=False,
                cache_seconds=3600,
                fallback={"items": []},
            ),
            Call(name="history", service="history", build=_history, required=False),
        ),
        timeout_seconds=dict.fromkeys(Priority, 10.0),
    ),
    Operation(
        name="report",
        summary="Build the report of a month: slow, and worth waiting for.",
        parameters=Report,
        example={"month": "2026-01"},
        calls=(Call(name="build", service="reports", build=_build),),
        timeout_seconds={Priority.HIGH: 300.0, Priority.NORMAL: 300.0, Priority.LOW: 900.0},
        max_timeout_seconds=3600.0,
    ),
)
