-- Clients have read how their jobs ended: a notification that is only for who has not is not sent any more, and the result is
-- none that nobody fetched.
-- KEYS  <cell>job:<id> …
-- ARGV  id …
-- Returns claimed
--#include job
--#include delivery
--#include results

-- For the first time. One whose time is over counts as it was.
local function fetched(job)
  local going = results_going(job.expires)
  if job.status == 'succeeded' and redis.call('EXISTS', going) == 1 then redis.call('HINCRBY', going, job.operation, -1) end
end

for _, id in ipairs(ARGV) do
  local job = load(id)
  if job and TERMINAL[job.status] and not job.claimed then
    redis.call('ZREM', cell .. 'notify', '') -- removes nothing: a first write that Redis allows at maxmemory
    tell(job, 'fetched')
    note(job, 'claimed', 1)
    fetched(job)
    if unwanted(job) and job.notify_state == 'pending' then conclude(job, 'dropped') end
  end
end
return 'claimed'
