-- The workers that were heard of lately.
-- KEYS  <cell>workers   ZSET   worker -> when it was last heard of, ms
-- ARGV  gone_ms
-- Returns {{name, seen_ms, "<since, ms> <draining> <services JSON>"}, …}
--#include job
local alive = {}
local seen = redis.call('ZRANGEBYSCORE', KEYS[1], now - ARGV[1], '+inf', 'WITHSCORES')
for i = 1, #seen, 2 do
  local state = redis.call('GET', cell .. 'worker:' .. seen[i])
  if state then alive[#alive + 1] = { seen[i], tonumber(seen[i + 1]), state } end
end
return alive
