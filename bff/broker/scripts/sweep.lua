-- Let go of what stands at the head of a service's lanes and can no longer run, so that those who wait are told at once and
-- nothing doomed stands before what is live, also when no worker is there to take it.
-- KEYS  <cell>service:<name> HASH, <cell>lane:<name>:high, …:normal, …:low   STREAM
-- ARGV  limit per lane
-- Returns ended
--#include job
--#include graph
--#include admission
--#include lane
for i, priority in ipairs(PRIORITIES) do
  local lane = KEYS[i + 1]
  if redis.call('XLEN', lane) > 0 then
    local group = redis.call('XINFO', 'GROUPS', lane)[1]
    local delivered
    for f = 1, #group, 2 do if group[f] == 'last-delivered-id' then delivered = group[f + 1] end end
    local doomed = 0
    for _, entry in ipairs(redis.call('XRANGE', lane, '(' .. delivered, '+', 'COUNT', ARGV[1])) do
      local id, name, starts_by = fields_of(entry)
      local queued = redis.call('HGET', cell .. 'job:' .. id, name .. '.status') == 'queued'
      if queued and not (starts_by > 0 and now > starts_by) then break end
      doomed = doomed + 1
    end
    if doomed > 0 then
      local read = redis.call('XREADGROUP', 'GROUP', GROUP, 'sweep', 'COUNT', doomed, 'STREAMS', lane, '>')
      redis.call('HINCRBY', KEYS[1], 'left.' .. priority, doomed)
      for _, entry in ipairs(read[1][2]) do
        local id, name, starts_by = fields_of(entry)
        local job = load(id)
        local plan = job and plan_of(job)
        drop(lane, entry[1], job, plan, job and plan.by_name[name], starts_by)
      end
    end
  end
end
return ended
