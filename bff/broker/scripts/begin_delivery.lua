-- Begin a turn's one attempt at delivering a notification. Fenced: not one that was handed over again since, and none twice.
-- KEYS  <cell>job:<id>
-- ARGV  id, turn, lease_ms
-- Returns {now_ms, job fields (flat), {}, -1, 0}, as read does; without fields where there is nothing to do
--#include job
--#include delivery
--#include flat
local job = load(ARGV[1])
if not job or job.notify_state ~= 'pending' or job.notify_turn ~= ARGV[2] or job.notify_begun == ARGV[2] then
  return { now, {}, {}, -1, 0 }
end
if unwanted(job) then
  conclude(job, 'dropped')
  return { now, {}, {}, -1, 0 }
end
set_due(job.id, now + ARGV[3])
tell(job, 'notifying ' .. (job.notify_tries or 0) + 1)
note(job, 'notify_begun', ARGV[2], 'notify_tries', (job.notify_tries or 0) + 1)
return { now, flat_of(job), {}, -1, 0 }
