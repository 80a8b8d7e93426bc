-- Give a compensation that was buried another chance: back into its lane, its attempts forgotten.
-- KEYS  <cell>dead   STREAM
-- ARGV  letter id
-- Returns replayed | gone (the letter, or its job) | not-a-compensation
--#include job
--#include graph
local letter = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
if not letter then return 'gone' end
local fields = by_name(letter[2])
if fields.kind ~= 'compensation' then return 'not-a-compensation' end
local job = load(fields.job)
if not job then return 'gone' end
for _, counter in ipairs({ '.attempts', '.spared', '.lost' }) do put(job, fields.call .. counter, 0) end
local plan = plan_of(job)
local call = plan.by_name[fields.call]
book(job, call, 1)
enter_lane(job, plan, call)
redis.call('XDEL', KEYS[1], ARGV[1])
save(job)
return 'replayed'
