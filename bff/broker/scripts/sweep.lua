-- Let go of what stands at the head of a service's lanes and can no longer run, so that those who wait are told at once and
-- nothing doomed stands before what is live, also when no worker is there to take it.
-- KEYS  <cell>service:<name> HASH, <cell>lane:<name>:high, …:normal, …:low, …:again   STREAM
-- ARGV  limit per lane
-- Returns ended
--#include job
--#include graph
--#include lane

-- How many at a lane's head can no longer run, of at most so many that are looked at.
local function doomed(lane, most)
  local count = 0
  for _, entry in ipairs(unread(lane, most)) do
    local job, _, call, starts_by = stands_for(entry, true)
    if of_use(job, call) and not too_late(starts_by) then break end
    count = count + 1
  end
  return count
end

for i = 1, 4 do
  local lane = KEYS[i + 1]
  if redis.call('XLEN', lane) > 0 and doomed(lane, 1) > 0 then -- mostly the first can run: no other is looked at then
    local count = doomed(lane, ARGV[1])
    local read = redis.call('XREADGROUP', 'GROUP', GROUP, 'sweep', 'COUNT', count, 'STREAMS', lane, '>')
    redis.call('HINCRBY', KEYS[1], 'left.' .. LANES[i], count)
    for _, entry in ipairs(read[1][2]) do drop(lane, entry, stands_for(entry, true)) end
  end
end
return ended
