-- A worker is alive, and holds so much. Who is not heard of for long is taken out.
-- KEYS  <cell>workers       ZSET    worker -> when it was last heard of, ms
--       <cell>worker:<name> STRING  "<since, ms> <draining (0 | 1)> <JSON service -> [busy, leased]>"
-- ARGV  name, up_ms (for how long it has been running), draining, services JSON, gone_ms
-- Returns alive
--#include job
local name, up_ms, draining, services, gone_ms = unpack(ARGV)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - gone_ms) -- a first write that Redis allows at maxmemory
redis.call('ZADD', KEYS[1], now, name)
redis.call('PEXPIRE', KEYS[1], gone_ms)
redis.call('SET', KEYS[2], string.format('%.0f', now - up_ms) .. ' ' .. draining .. ' ' .. services, 'PX', gone_ms)
return 'alive'
