-- End the jobs whose deadline has passed, whether or not any worker is alive.
-- KEYS  <cell>deadlines   ZSET   id -> deadline_ms
-- ARGV  limit
-- Returns ended
--#include job
--#include graph
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])) do
  local job = load(id)
  if job then
    run_out(job, plan_of(job))
    save(job)
  else
    redis.call('ZREM', KEYS[1], id)
  end
end
return ended
