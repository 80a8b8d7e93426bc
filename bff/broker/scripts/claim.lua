-- Clients have read how their jobs ended: a notification that is only for who has not is not sent any more, and the result is
-- none that nobody fetched.
-- KEYS  <cell>job:<id> …
-- ARGV  id …
-- Returns claimed
--#include job
--#include notify
--#include results
local FIELDS = { 'status', 'submitted', 'operation', 'expires', 'claimed', 'notify_when', 'notify_state', 'notify_kept' }
for i, id in ipairs(ARGV) do
  local job = { id = id, events = {} }
  for k, value in ipairs(redis.call('HMGET', KEYS[i], unpack(FIELDS))) do job[FIELDS[k]] = value or nil end
  if job.status and TERMINAL[job.status] and not job.claimed then
    redis.call('ZREM', cell .. 'notify', '') -- removes nothing: a first write that Redis allows at maxmemory
    tell(job, 'fetched')
    note(job, 'claimed', 1)
    fetched(job)
    if unwanted(job) and job.notify_state == 'pending' then conclude(job, 'dropped') end
  end
end
return 'claimed'
