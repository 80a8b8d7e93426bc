-- Results that nobody has fetched, counted by the minute in which they go: a key for each would cost more than the result.
--   <cell>unclaimed           HASH  counted (the last minute that was) of.<operation> (results gone unfetched, since Redis was set up)
--   <cell>unclaimed:<minute>  HASH  operation -> results that go in that minute, Unix time, and were not fetched yet
--#include later
local COUNTED_WITHIN_MS = 24 * 3600 * 1000 -- else nobody is there to count
local function minute_of(ms) return math.floor(ms / 60000) end

local function results_going(ms) return cell .. 'unclaimed:' .. whole(minute_of(ms)) end

-- The job has a result from now on, which is to be fetched.
local function keep_result(job)
  count(results_going(job.expires), job.operation, 1, job.expires + COUNTED_WITHIN_MS)
end
