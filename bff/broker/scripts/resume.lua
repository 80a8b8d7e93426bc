-- A service is called again, whoever had paused it: an operator, or its own 429.
-- KEYS  <cell>service:<name>   HASH
-- Returns resumed | not-paused
--#include job
--#include allowed
local read = redis.call('HMGET', KEYS[1], 'paused_until', 'held_until')
local paused = rests_ms(read[1]) > 0 or held_ms(read[2]) > 0
redis.call('HDEL', KEYS[1], 'paused_until', 'held_until')
return paused and 'resumed' or 'not-paused'
