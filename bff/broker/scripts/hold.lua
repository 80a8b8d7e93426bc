-- An operator holds a service: nobody calls it for so long, or until it is resumed. What waits, waits on, and expires when it is
-- too late.
-- KEYS  <cell>service:<name>   HASH
-- ARGV  hold_ms (0: until it is resumed)
-- Returns {unconfigured} | held
--#include job
if redis.call('EXISTS', KEYS[1]) == 0 then return { 'unconfigured' } end
redis.call('HDEL', KEYS[1], 'held_until') -- a first write that Redis allows at maxmemory
redis.call('HSET', KEYS[1], 'held_until', ARGV[1] == '0' and 0 or string.format('%.0f', now + ARGV[1]))
return 'held'
