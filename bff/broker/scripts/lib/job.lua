-- A job inside a script: read once, changed in memory, written once by save(). All its keys share the hash tag of KEYS[1].
--   <cell>parameters:<id>  STRING  what was asked for, which never changes: a line of operation, client, priority, mode, plan,
--                                  submitted, deadline, gateway, traceparent and tracestate, a zero byte behind each, and below it JSON
--   <cell>job:<id>         HASH    how it stands: status version [started finished expires final blame, and see notify.lua], and for
--                                  each call <call>.status .attempts .entry .place .effect .ms …; what stands in that line, where
--                                  the hash is kept for longer
--   <cell>outcomes:<id>    HASH    call -> JSON data     <cell>plan:<digest>  STRING  JSON
--   <cell>deadlines        ZSET    job id -> deadline_ms, while the job is not terminal
--   <cell>timeline:<id>    LIST    "<ms since submitted> <what> <more> …", what happened, for operators; see bff/broker/timeline.py, and
--                                  timeline.lua for how it begins
-- <call>.entry names the entry in flight (empty: none); <call>.effect is 1 once something may have been done downstream.
local cell = KEYS[1]:match('^.-}:')
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
-- A whole number in digits. Lua by itself, or redis.call, writes it as if it were a fraction, which takes several times as long.
local digits = {} -- of each number that was asked for: many are the same for all runs of a batch, or all that is taken
local function whole(number)
  local text = digits[number] or string.format('%d', number)
  digits[number] = text
  return text
end
local now_text = whole(now)
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

-- What was asked for: the line, and the parameters below it where they are wanted, too.
local LINE, LAST = 512, '511' -- bytes; nearly every line is shorter
local WORDS = 'ssssssssss' -- each ends with a zero byte
local function asked_for(id, with_parameters)
  local key = cell .. 'parameters:' .. id
  local text = with_parameters and (redis.call('GET', key) or '') or redis.call('GETRANGE', key, '0', LAST)
  if not with_parameters and #text == LINE and not text:find('\n', 1, true) then text = redis.call('GET', key) end
  local well, operation, client, priority, mode, plan, submitted, deadline, gateway, traceparent, tracestate, parameters_at =
    pcall(struct.unpack, WORDS, text)
  if not well then operation = nil end -- there is none, or it is no such line
  return { -- with room for what else a job has, and for eleven changes: a table that grows is laid out anew each time it is full
    operation = operation, client = client, priority = priority, mode = mode, plan = plan, submitted = submitted,
    deadline = deadline, gateway = gateway, traceparent = traceparent, tracestate = tracestate,
    parameters = with_parameters and parameters_at and text:sub(parameters_at + 1) or nil,
    id = id, events = {}, status = nil, version = nil, started = nil, changes = 0, changed = {
      nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil,
    },
  }
end

local function parameters_of(id) return (redis.call('GET', cell .. 'parameters:' .. id) or ''):match('\n(.*)') or '' end

local function load(id, with_parameters)
  local flat = redis.call('HGETALL', cell .. 'job:' .. id)
  if #flat == 0 then return nil end
  local job = asked_for(id, with_parameters)
  for i = 1, #flat, 2 do job[flat[i]] = flat[i + 1] end
  return job.operation and job or nil
end

local function put(job, field, value)
  value = value .. ''
  job[field] = value
  local changed, count = job.changed, job.changes
  changed[count + 1], changed[count + 2], job.changes = field, value, count + 2
end

-- What happened, for operators. No word that is told has a blank in it, and none is what a client sent or a service answered.
local elapsed = {} -- of each moment that a job was submitted at
local function tell(job, what)
  local after = elapsed[job.submitted] or whole(now - job.submitted) .. ' '
  elapsed[job.submitted] = after
  job.events[#job.events + 1] = after .. what
end

-- The newest are kept, for as long as the job's hash is.
local MOST_EVENTS = 200
local function keep_events(job)
  if #job.events == 0 then return end
  local key = cell .. 'timeline:' .. job.id
  local count = redis.call('RPUSH', key, unpack(job.events))
  if count == #job.events and TERMINAL[job.status] then
    local left_ms = redis.call('PTTL', cell .. 'job:' .. job.id)
    if left_ms > 0 then redis.call('PEXPIRE', key, left_ms) end
  elseif count > MOST_EVENTS then
    redis.call('LTRIM', key, -MOST_EVENTS, -1)
  end
  job.events = {}
end

local function write(job)
  put(job, 'version', whole(job.version + 1))
  if TERMINAL[job.status] and not job.final then put(job, 'final', job.version) end
  redis.call('HSET', cell .. 'job:' .. job.id, unpack(job.changed, 1, job.changes))
  job.changes = 0
  keep_events(job)
end

-- Of a job that has ended, all that a read would say of it: who waits for the end need not ask.
local MOST_NEWS = 65536 -- bytes of outcomes: what is longer is read by those who want it
local function news_of(job)
  local outcomes, size = by_name(redis.call('HGETALL', cell .. 'outcomes:' .. job.id)), 0
  for _, data in pairs(outcomes) do size = size + #data end
  if size > MOST_NEWS then return '' end
  local fields = {}
  for field, value in pairs(job) do
    if type(value) == 'string' and field ~= 'parameters' then fields[field] = value end
  end
  return cjson.encode({ now = now, fields = fields, outcomes = outcomes })
end

-- Whoever waits is told "<version>", and at the job's end "<version> <news>". Without news where nobody here has subscribed: who
-- did so before a failover may be connected to what is a replica of this Redis now, which hears of it all the same.
local function save(job)
  write(job)
  local channel = cell .. 'changed:' .. job.id
  local told = job.version
  if TERMINAL[job.status] then
    told = told .. ' ' .. (redis.call('PUBSUB', 'NUMSUB', channel)[2] > 0 and news_of(job) or '')
  end
  redis.call('PUBLISH', channel, told)
end

-- What a script has worked out of a plan (see timing.lua) it may use for all jobs that have it: no time passes in a script. What
-- changes what it was worked out of has it worked out again (see finish.lua).
local plans = {}
local function plan_of(job)
  local digest = job.plan
  if plans[digest] then return plans[digest] end
  local document = redis.call('GET', cell .. 'plan:' .. digest)
  if not document then return nil end
  local plan = cjson.decode(document)
  plans[digest], plan.by_name = plan, {}
  for _, call in ipairs(plan.calls) do
    plan.by_name[call.name] = call
    if call.undo then
      call.undo.undoes = call.name
      plan.by_name[call.undo.name] = call.undo
    end
  end
  return plan
end
