"""What runs beside: started together, ended together, and never silently dead."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

log = logging.getLogger(__name__)


@asynccontextmanager
async def background(
    on_death: Callable[[], object] = lambda: None, **running: Coroutine[object, object, None]
) -> AsyncIterator[None]:
    """Run coroutines, named for logs, while the context lasts; cancel and await them at its end.

    One that ends by an error is logged, and `on_death` called.
    """

    def look(task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("%s died", task.get_name(), exc_info=error)
            on_death()

    tasks = [asyncio.create_task(coroutine, name=name) for name, coroutine in running.items()]
    for task in tasks:
        task.add_done_callback(look)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
