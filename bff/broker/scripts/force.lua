-- An operator says how a service's breaker stands: open or closed, until he says auto.
-- KEYS  <cell>service:<name>   HASH
-- ARGV  open | closed | auto
-- Returns {unconfigured} | forced
--#include job
--#include breaker
if redis.call('EXISTS', KEYS[1]) == 0 then return { 'unconfigured' } end
force_breaker(KEYS[1], ARGV[1])
return 'forced'
