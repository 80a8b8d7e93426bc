"""The mock's ASGI application: calls go straight to their service, only control goes through FastAPI."""

from starlette.types import Receive, Scope, Send

from downstream_mock.control import control_app
from downstream_mock.exchange import Exchange, error
from downstream_mock.perform import perform
from downstream_mock.service import Services


class Mock:
    def __init__(self) -> None:
        self._services = Services()
        self._control = control_app(self._services)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        _, name, *rest = scope["path"].split("/", 2)
        if name in ("_control", "livez"):
            await self._control(scope, receive, send)
            return
        exchange = Exchange(scope, receive, send)
        if service := self._services.get(name):
            await perform(service, scope, rest[0] if rest else "", exchange)
        else:
            await exchange.reply(error(404, f"no service {name!r}", known=self._services.names))
