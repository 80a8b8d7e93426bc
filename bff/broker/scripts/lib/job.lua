-- A job inside a script: read once, changed in memory, written once by save(). All its keys share the hash tag of KEYS[1].
--   <cell>job:<id>         HASH    operation client priority mode plan status version submitted deadline [started finished expires
--                                  final blame traceparent tracestate, and see notify.lua], and for each call <call>.status .attempts .entry .place
--                                  .effect .ms …
--   <cell>parameters:<id>  STRING  JSON     <cell>outcomes:<id>  HASH  call -> JSON data     <cell>plan:<digest>  STRING  JSON
--   <cell>deadlines        ZSET    job id -> deadline_ms, while the job is not terminal
--   <cell>timeline:<id>    LIST    "<ms since submitted> <what> <more> …", what happened, for operators; see bff/broker/timeline.py
-- <call>.entry names the entry in flight (empty: none); <call>.effect is 1 once something may have been done downstream.
local cell = KEYS[1]:match('^.-}:')
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local ended = {} -- id, operation, priority, mode, status, milliseconds since submit: of each job that this script ended

local PRIORITIES = { 'high', 'normal', 'low' }
local TERMINAL = { succeeded = true, failed = true, expired = true, cancelled = true }
local GOOD = { succeeded = true, fallback = true }
local OPEN = { waiting = true, queued = true }

-- name, value, name, value … as a table
local function by_name(flat)
  local fields = {}
  for i = 1, #flat, 2 do fields[flat[i]] = flat[i + 1] end
  return fields
end

local function load(id)
  local job = by_name(redis.call('HGETALL', cell .. 'job:' .. id))
  if not job.operation then return nil end
  job.id, job.changed, job.events = id, {}, {}
  return job
end

local function put(job, field, value)
  job[field] = tostring(value)
  job.changed[field] = true
end

-- What happened, for operators. No word that is told has a blank in it, and none is what a client sent or a service answered.
local function tell(job, ...)
  job.events[#job.events + 1] = (now - job.submitted) .. ' ' .. table.concat({ ... }, ' ')
end

-- The newest are kept, for as long as the job's hash is.
local MOST_EVENTS = 200
local function keep_events(job)
  if #job.events == 0 then return end
  local key = cell .. 'timeline:' .. job.id
  local count = redis.call('RPUSH', key, unpack(job.events))
  if count == #job.events then
    local left_ms = redis.call('PTTL', cell .. 'job:' .. job.id)
    if left_ms > 0 then redis.call('PEXPIRE', key, left_ms) end
  elseif count > MOST_EVENTS then
    redis.call('LTRIM', key, -MOST_EVENTS, -1)
  end
  job.events = {}
end

local function save(job)
  put(job, 'version', job.version + 1)
  if TERMINAL[job.status] and not job.final then put(job, 'final', job.version) end
  local fields = {}
  for field in pairs(job.changed) do
    fields[#fields + 1] = field
    fields[#fields + 1] = job[field]
  end
  job.changed = {}
  redis.call('HSET', cell .. 'job:' .. job.id, unpack(fields))
  keep_events(job)
  redis.call('PUBLISH', cell .. 'changed:' .. job.id, job.version)
end

local function plan_of(job)
  local plan = cjson.decode(redis.call('GET', cell .. 'plan:' .. job.plan))
  plan.by_name = {}
  for _, call in ipairs(plan.calls) do
    plan.by_name[call.name] = call
    if call.undo then
      call.undo.undoes = call.name
      plan.by_name[call.undo.name] = call.undo
    end
  end
  return plan
end
