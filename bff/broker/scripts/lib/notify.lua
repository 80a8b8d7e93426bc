-- Telling somebody of a job's end. The outbox holds a notification until it is delivered or given up: what arq loses comes again.
--   <cell>notify    ZSET  job id -> when it is due, or when whoever has it in hand is taken for dead, ms
--   <cell>job:<id>  HASH  notify (URI) notify_when (always | unclaimed) notify_state (pending | delivered | dropped | buried)
--                         notify_turn (how often it was handed over) notify_begun (the last turn that began) notify_tries
--                         notify_kept (ms) claimed (1: its client has read how it ended)
local GRACE_MS = 30000

-- The job's hash goes with its parameters at that `moment` (nil: not yet), and its timeline with it; later, where its end is
-- still to be told.
local STATE = { 'job:', 'timeline:' }
local function keep_hash(job, moment)
  local keeps_on = not moment or job.notify_state == 'pending'
  local last = not keeps_on and whole(math.max(moment, now + 1000, job.notify_kept or 0))
  for _, key in ipairs(STATE) do
    if keeps_on then
      redis.call('PERSIST', cell .. key .. job.id)
    else
      redis.call('PEXPIREAT', cell .. key .. job.id, last)
    end
  end
end

-- The job has ended: whoever asked for it is to be told.
local function announce(job)
  if not job.notify then return end
  local line = { 'operation', 'client', 'priority', 'mode', 'plan', 'submitted', 'deadline', 'traceparent', 'tracestate' }
  for _, field in ipairs(line) do put(job, field, job[field] or '') end -- the line goes with the parameters, maybe before that
  put(job, 'notify_state', 'pending')
  redis.call('ZADD', cell .. 'notify', job.notify_when == 'unclaimed' and now + GRACE_MS or now, job.id)
end
