-- Notifications that are due, for arq to deliver; each comes again when its lease is over, unless it was concluded.
-- KEYS  <cell>notify   ZSET   job id -> due_ms
-- ARGV  limit, lease_ms
-- Returns {{job id, turn}, …}
--#include job
--#include delivery
local handed = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])) do
  set_due(id, now + ARGV[2])
  if redis.call('EXISTS', cell .. 'job:' .. id) == 1 then
    handed[#handed + 1] = { id, redis.call('HINCRBY', cell .. 'job:' .. id, 'notify_turn', 1) }
  else
    redis.call('ZREM', KEYS[1], id)
  end
end
return handed
