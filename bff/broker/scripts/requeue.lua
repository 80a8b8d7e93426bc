-- Put parked calls that are due back into their lanes.
-- KEYS  <cell>parked   ZSET   "<id>:<call>" -> due_ms
-- ARGV  limit
-- Returns how many were due
--#include job
--#include graph
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])
for _, member in ipairs(due) do
  redis.call('ZREM', KEYS[1], member)
  local id, name = member:match('^(.-):(.+)$')
  local job = load(id)
  local plan = job and plan_of(job)
  if plan then redis.call('HINCRBY', cell .. 'service:' .. plan.by_name[name].service, 'parked', -1) end
  if plan and job[name .. '.status'] == 'queued' then -- else it was cancelled or expired meanwhile, its place given back
    enter_lane(job, plan, plan.by_name[name], true)
    save(job)
  end
end
return #due
