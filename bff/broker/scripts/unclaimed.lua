-- Count the results that have gone and that nobody had fetched: those of the minutes that are over.
-- KEYS  <cell>unclaimed   HASH
-- ARGV  limit
-- Returns how many minutes are left to count
--#include job
--#include results
local over = minute_of(now) - 1
local known = tonumber(redis.call('HGET', KEYS[1], 'counted') or over - 1)
local counted = math.min(over, known) -- the clock may have been set back
local last = math.min(over, counted + ARGV[1])
for minute = counted + 1, last do
  local key = cell .. 'unclaimed:' .. minute
  local results = by_name(redis.call('HGETALL', key))
  redis.call('DEL', key) -- a first write that Redis allows at maxmemory
  for operation, count in pairs(results) do redis.call('HINCRBY', KEYS[1], 'of.' .. operation, count) end
end
if last ~= known then redis.call('HSET', KEYS[1], 'counted', last) end
return over - last
