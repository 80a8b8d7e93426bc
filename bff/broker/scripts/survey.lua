-- How a service and its lanes stand.
-- KEYS  <cell>service:<name> HASH, <cell>lane:<name>:high, …:normal, …:low, …:again   STREAM
-- ARGV  name
-- Returns {unconfigured} | {now_ms, service fields (flat), oldest_ms of high, normal and low, wait_ms of a newcomer to each,
--   in_flight, {paused_ms, held_ms, endless (0 | 1), slow_ms, retry_tokens, again}}
--   oldest_ms: age of the oldest entry that is not done
--#include job
--#include graph
--#include allowed
--#include admission
--#include lane
--#include budget
local fields = redis.call('HGETALL', KEYS[1])
local known = by_name(fields)
if not known.max_concurrency then return { 'unconfigured' } end
local oldest, waits, again = {}, {}, 0
local in_flight = redis.call('ZCARD', cell .. 'sync:' .. ARGV[1])
for i = 1, 4 do in_flight = in_flight + pending(KEYS[i + 1]) end
for i, priority in ipairs(PRIORITIES) do
  local first = redis.call('XRANGE', KEYS[i + 1], '-', '+', 'COUNT', 1)[1]
  oldest[i] = first and math.max(0, now - first[1]:match('^%d+')) or 0
  local state = lane_state(ARGV[1], priority)
  waits[i] = wait_ms(state, priority, state.waiting)
  again = state.again
end
local held, endless = held_ms(known.held_until)
local slow = slow_ms(known.expected_us, known.slow_us, known.timed_at, known.timeout_ms)
local measured = { rests_ms(known.paused_until), held, endless and 1 or 0, slow, retry_tokens(KEYS[1]), again }
return { now, fields, oldest, waits, in_flight, measured }
