-- An operator says how much of an operation is asynchronous.
-- KEYS  <cell>rollout   HASH   operation -> hundredths of a percent
-- ARGV  operation, share
redis.call('HDEL', KEYS[1], ARGV[1]) -- a first write that Redis allows at maxmemory
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
