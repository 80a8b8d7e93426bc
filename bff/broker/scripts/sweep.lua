-- Let go of what stands at the head of a service's lanes and can no longer run, so that those who wait are told at once and
-- nothing doomed stands before what is live, also when no worker is there to take it.
-- KEYS  <cell>service:<name> HASH, <cell>lane:<name>:high, …:normal, …:low, …:again   STREAM
-- ARGV  limit per lane
-- Returns ended
--#include job
--#include graph
--#include lane
for i = 1, 4 do
  local lane = KEYS[i + 1]
  if redis.call('XLEN', lane) > 0 then
    local doomed = 0
    for _, entry in ipairs(unread(lane, ARGV[1])) do
      local job, _, call, starts_by = stands_for(entry)
      if of_use(job, call) and not too_late(starts_by) then break end
      doomed = doomed + 1
    end
    if doomed > 0 then
      local read = redis.call('XREADGROUP', 'GROUP', GROUP, 'sweep', 'COUNT', doomed, 'STREAMS', lane, '>')
      redis.call('HINCRBY', KEYS[1], 'left.' .. LANES[i], doomed)
      for _, entry in ipairs(read[1][2]) do drop(lane, entry, stands_for(entry)) end
    end
  end
end
return ended
