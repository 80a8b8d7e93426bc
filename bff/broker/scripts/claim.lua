-- The client has read how its job ended: a notification that is only for who has not is not sent any more.
-- KEYS  <cell>job:<id>
-- ARGV  id
-- Returns claimed
--#include job
--#include notify
local job = load(ARGV[1])
if job and TERMINAL[job.status] then
  redis.call('ZREM', cell .. 'notify', '') -- removes nothing: a first write that Redis allows at maxmemory
  note(job, 'claimed', 1)
  if unwanted(job) and job.notify_state == 'pending' then conclude(job, 'dropped') end
end
return 'claimed'
