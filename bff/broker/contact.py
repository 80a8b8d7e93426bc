"""Whether Redis answers somebody, said once when it no longer does, and once when it does again."""

import logging

log = logging.getLogger(__name__)


class Contact:
    """Of a duty or a consumer, named as logs are to name it."""

    def __init__(self, whose: str) -> None:
        self._whose = whose
        self._lost = False

    def lost(self, why: object) -> None:
        if not self._lost:
            log.warning("%s waits for the broker: %s", self._whose, why)
        self._lost = True

    def made(self) -> None:
        if self._lost:
            log.info("%s: the broker answers again", self._whose)
        self._lost = False
