-- How an attempt to deliver a notification went. What was delivered is, whoever tells it; else only the last turn counts.
-- KEYS  <cell>job:<id>
-- ARGV  id, turn, word (delivered | dropped: not wanted there | again | untried: as again, and it was no attempt | buried),
--       delay_ms, medium, receiver (for operators), error
-- Returns done | stale
--#include job
--#include delivery
local id, turn, word, delay_ms, medium, receiver, error = unpack(ARGV)
local job = load(id)
if not job or job.notify_state ~= 'pending' or (job.notify_turn ~= turn and word ~= 'delivered') then return 'stale' end
if word == 'again' or word == 'untried' then
  set_due(id, now + delay_ms)
  tell(job, 'notification ' .. word .. ' ' .. delay_ms)
  if word == 'untried' and job.notify_begun == turn then note(job, 'notify_tries', job.notify_tries - 1) end
elseif word == 'buried' then
  job.notify_kept = now + BURIED_MS
  conclude(job, word)
  note(job, 'notify_kept', job.notify_kept)
  redis.call('XADD', cell .. 'dead', '*', 'kind', 'notification', 'job', id, 'operation', job.operation, 'client', job.client,
    'priority', job.priority, 'timeout_ms', job.deadline - job.submitted, 'service', medium, 'receiver', receiver,
    'error', error, 'attempts', job.notify_tries)
else
  conclude(job, word)
end
keep_events(job)
return 'done'
