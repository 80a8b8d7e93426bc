-- How a service and its lanes stand.
-- KEYS  <cell>service:<name> HASH, <cell>lane:<name>:high, …:normal, …:low, …:again   STREAM
-- ARGV  name
-- Returns {unconfigured} | {now_ms, service fields (flat), oldest_ms of high, normal and low, wait_ms of a newcomer to each,
--   in_flight}
--   oldest_ms: age of the oldest entry that is not done
--#include job
--#include graph
--#include breaker
--#include admission
--#include lane
local fields = redis.call('HGETALL', KEYS[1])
if not by_name(fields).max_concurrency then return { 'unconfigured' } end
local oldest, waits, in_flight = {}, {}, 0
for i = 1, 4 do in_flight = in_flight + pending(KEYS[i + 1]) end
for i, priority in ipairs(PRIORITIES) do
  local first = redis.call('XRANGE', KEYS[i + 1], '-', '+', 'COUNT', 1)[1]
  oldest[i] = first and math.max(0, now - first[1]:match('^%d+')) or 0
  local state = lane_state(ARGV[1], priority)
  waits[i] = wait_ms(state, priority, state.waiting)
end
return { now, fields, oldest, waits, in_flight }
