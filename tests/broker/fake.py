"""fakeredis as a cell's connection: in process, for histories by the hundred."""

from collections.abc import Sequence
from typing import Any

from fakeredis import FakeAsyncRedis

from bff.broker.script import Script, as_batch

_STRUCT = """local struct = {}
function struct.unpack(kinds, text)
  local found, at = {}, 1
  for kind in kinds:gmatch('.') do
    assert(kind == 's')
    found[#found + 1], at = text:match('^(%Z*)%z()', at)
  end
  found[#found + 1] = at
  return unpack(found)
end
"""
"""What Redis has and fakeredis has not: as far as scripts use it."""


class FakeRuns:
    def __init__(self) -> None:
        self._redis: Any = FakeAsyncRedis()

    async def execute(self, *command: str | bytes | int | float) -> Any:
        # The client would turn some replies into Python objects; the broker reads them as Redis sends them.
        self._redis.response_callbacks.clear()
        return await self._redis.execute_command(*command)

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:
        source = _STRUCT + script.source
        if not script.batched:
            return await self.execute("EVAL", source, len(keys), *keys, *arguments)
        all_keys, all_arguments = as_batch([(keys, arguments)])
        [reply] = await self.execute("EVAL", source, len(all_keys), *all_keys, *all_arguments)
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def aclose(self) -> None:
        await self._redis.aclose()
