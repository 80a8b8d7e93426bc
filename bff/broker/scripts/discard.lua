-- Forget a dead letter. The job of a compensation, or of a notification, expires again like any other.
-- KEYS  <cell>dead   STREAM
-- ARGV  letter id
-- Returns discarded | gone
--#include job
--#include graph
--#include delivery
local letter = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
if not letter then return 'gone' end
redis.call('XDEL', KEYS[1], ARGV[1])
local fields = by_name(letter[2])
local job = fields.job and load(fields.job)
if job and fields.kind == 'notification' and job.notify_state == 'buried' then
  note(job, 'notify_kept', 0)
  conclude(job, 'dropped')
end
if job and fields.kind == 'compensation' then
  tell(job, 'discarded ' .. fields.call)
  put(job, fields.call .. '.discarded', 1)
  compensate(job, plan_of(job))
  save(job)
end
return 'discarded'
