-- What happened to a job, the oldest first. That it was submitted, and its first calls queued, stands in what was asked for: it is
-- told here. Only where more happened to it at once does the list begin with that.
-- KEYS  <cell>job:<id>
-- ARGV  id
-- Returns {line, …}
--#include job
local lines = redis.call('LRANGE', cell .. 'timeline:' .. ARGV[1], 0, -1)
local job = load(ARGV[1])
if not job or #lines >= MOST_EVENTS or (lines[1] or ''):find('^0 submitted') then return lines end
local told = { '0 submitted ' .. (job.gateway or '') }
for _, call in ipairs(plan_of(job).calls) do
  if #call.after == 0 then told[#told + 1] = '0 queued ' .. call.name .. (job.mode == 'sync' and '' or ' ' .. job.priority) end
end
for _, line in ipairs(lines) do told[#told + 1] = line end
return told
