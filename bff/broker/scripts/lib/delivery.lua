-- Delivering a notification; see notify.lua.
--#include notify
local BURIED_MS = 7 * 24 * 3600 * 1000

local function go_with_parameters(job)
  local left_ms = redis.call('PTTL', cell .. 'parameters:' .. job.id)
  keep_hash(job, left_ms ~= -1 and now + left_ms or nil)
end

local function set_due(id, due_ms)
  redis.call('ZREM', cell .. 'notify', id) -- a first write that Redis allows at maxmemory
  redis.call('ZADD', cell .. 'notify', due_ms, id)
end

-- What changes here is nothing that the job's client is told of: its version stays.
local function note(job, ...)
  local flat = { ... }
  for i = 1, #flat, 2 do job[flat[i]] = tostring(flat[i + 1]) end
  redis.call('HSET', cell .. 'job:' .. job.id, ...)
  keep_events(job)
end

-- It is not, or no longer, to be delivered.
local function conclude(job, state)
  redis.call('ZREM', cell .. 'notify', job.id)
  tell(job, 'notification ' .. state)
  note(job, 'notify_state', state)
  go_with_parameters(job)
end

local function unwanted(job) return job.notify_when == 'unclaimed' and job.claimed end
