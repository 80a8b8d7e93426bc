-- Give a compensation, or a notification, that was buried another chance: back into its lane, or due now, its attempts forgotten.
-- KEYS  <cell>dead   STREAM
-- ARGV  letter id
-- Returns replayed | gone (the letter, or its job) | not-replayable
--#include job
--#include graph
--#include delivery
local letter = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
if not letter then return 'gone' end
local fields = by_name(letter[2])
if fields.kind ~= 'compensation' and fields.kind ~= 'notification' then return 'not-replayable' end
local job = load(fields.job)
if not job then return 'gone' end
redis.call('XDEL', KEYS[1], ARGV[1]) -- a first write that Redis allows at maxmemory
tell(job, 'replayed' .. (fields.call and ' ' .. fields.call or ''))
if fields.kind == 'notification' then
  set_due(job.id, now)
  note(job, 'notify_state', 'pending', 'notify_tries', 0, 'notify_kept', 0)
  go_with_parameters(job)
  return 'replayed'
end
for _, counter in ipairs({ '.attempts', '.spared', '.lost' }) do put(job, fields.call .. counter, 0) end
local plan = plan_of(job)
local call = plan.by_name[fields.call]
book(job, call, 1)
enter_lane(job, plan, call)
save(job)
return 'replayed'
