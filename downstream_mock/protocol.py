"""uvicorn's HTTP protocol, with a way for the application to reset the connection: ASGI itself has none."""

import socket
import struct

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from downstream_mock.exchange import RESET_EXTENSION

# On, with no time to linger: closing sends RST in place of FIN.
_NO_LINGER = struct.pack("ii", 1, 0)


class ResettableProtocol(HttpToolsProtocol):
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {RESET_EXTENSION: {"reset": self._reset}}

    def _reset(self) -> None:
        if self.transport.is_closing():
            return
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.transport.abort()
