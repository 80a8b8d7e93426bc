-- Telling somebody of a job's end. The outbox holds a notification until it is delivered or given up: what arq loses comes again.
--   <cell>notify    ZSET  job id -> when it is due, or when whoever has it in hand is taken for dead, ms
--   <cell>job:<id>  HASH  notify (URI) notify_when (always | unclaimed) notify_state (pending | delivered | dropped | buried)
--                         notify_turn (how often it was handed over) notify_begun (the last turn that began) notify_tries
--                         notify_kept (ms) claimed (1: its client has read how it ended)
local GRACE_MS = 30000
local BURIED_MS = 7 * 24 * 3600 * 1000

-- The job's hash goes with its parameters, and its timeline with it; later, where its end is still to be told.
local function keep_hash(job)
  local left_ms = redis.call('PTTL', cell .. 'parameters:' .. job.id)
  for _, key in ipairs({ 'job:', 'timeline:' }) do
    if left_ms == -1 or job.notify_state == 'pending' then
      redis.call('PERSIST', cell .. key .. job.id)
    else
      redis.call('PEXPIREAT', cell .. key .. job.id, math.max(now + math.max(left_ms, 1000), tonumber(job.notify_kept or 0)))
    end
  end
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
  tell(job, 'notification', state)
  note(job, 'notify_state', state)
  keep_hash(job)
end

-- The job has ended: whoever asked for it is to be told.
local function announce(job)
  if not job.notify then return end
  put(job, 'notify_state', 'pending')
  redis.call('ZADD', cell .. 'notify', job.notify_when == 'unclaimed' and now + GRACE_MS or now, job.id)
end

local function unwanted(job) return job.notify_when == 'unclaimed' and job.claimed end
