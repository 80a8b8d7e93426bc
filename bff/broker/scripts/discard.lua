-- Forget a dead letter. The job of a compensation expires again like any other.
-- KEYS  <cell>dead   STREAM
-- ARGV  letter id
-- Returns discarded | gone
--#include job
--#include graph
local letter = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
if not letter then return 'gone' end
redis.call('XDEL', KEYS[1], ARGV[1])
local fields = {}
for i = 1, #letter[2], 2 do fields[letter[2][i]] = letter[2][i + 1] end
local job = fields.kind == 'compensation' and load(fields.job)
if job then
  put(job, fields.call .. '.discarded', 1)
  compensate(job, plan_of(job))
  save(job)
end
return 'discarded'
