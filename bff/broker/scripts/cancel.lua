-- Cancel a job: its queued calls are dropped when taken, its running ones aborted by whoever runs them.
-- KEYS  <cell>job:<id>
-- ARGV  id, client
-- Returns {cancelled | in-flight | already | finished | unknown, ended}    unknown: also another client's
--#include job
--#include graph
local job = load(ARGV[1])
if not job or job.client ~= ARGV[2] then return { 'unknown', ended } end
if TERMINAL[job.status] then return { job.status == 'cancelled' and 'already' or 'finished', ended } end
local in_flight = settle(job, plan_of(job), 'cancelled', 'cancelled')
save(job)
return { in_flight and 'in-flight' or 'cancelled', ended }
