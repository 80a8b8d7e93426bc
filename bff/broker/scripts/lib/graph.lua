-- How a job moves along its plan. Every booked place is a call that is waiting or queued: +1 when it becomes so, -1 when it
-- is taken, skipped, expired or cancelled.
--   <cell>service:<name>            HASH    configuration, and booked. entered. left. expired.<priority> parked (counters)
--   <cell>lane:<service>:<priority> STREAM  job call start_by (ms, 0: none)
--   <cell>lane:<service>:again      STREAM  likewise: retries, what dead workers left, compensations; taken before all lanes
--   <cell>client:<client>           HASH    in_flight (jobs not terminal) next_us (its quota, see submit.lua)
--   <cell>parked                    ZSET    id:call -> due_ms, retries that wait for their time
--#include later
--#include timing
--#include notify
--#include results

-- Whether the call is made by the gateway that the job came to, which holds the answer: it enters no lane and takes no place.
-- Compensations go through lanes in any case.
local function synchronous(job, call) return job.mode == 'sync' and not call.undoes end

local function book(job, call, places)
  if synchronous(job, call) then return end
  redis.call('HINCRBY', cell .. 'service:' .. call.service, 'booked.' .. job.priority, whole(places))
end

local function start_by(job, plan, call)
  if call.undoes then return 0 end
  local latest = job.deadline - rest_ms(plan, call) - START_MARGIN_MS
  local max_wait = max_wait_ms(plan, call, job.priority)
  return max_wait > 0 and math.min(latest, now + max_wait) or latest
end

-- What was begun goes before what was not (`again`): behind a full lane it would come too late, and be undone for nothing.
local function enter_lane(job, plan, call, again)
  if synchronous(job, call) then -- see begin.lua
    put(job, call.name .. '.status', 'queued')
    put(job, call.name .. '.ready', now)
    put(job, call.name .. '.start_by', start_by(job, plan, call))
    tell(job, 'queued ' .. call.name)
    return
  end
  local lane = (again or call.undoes) and 'again' or job.priority
  local place = redis.call('HINCRBY', cell .. 'service:' .. call.service, 'entered.' .. lane, '1')
  put(job, call.name .. '.status', 'queued')
  put(job, call.name .. '.lane', lane)
  put(job, call.name .. '.place', whole(place))
  redis.call('XADD', cell .. 'lane:' .. call.service .. ':' .. lane, '*',
    'job', job.id, 'call', call.name, 'start_by', whole(start_by(job, plan, call)))
  tell(job, 'queued ' .. call.name .. ' ' .. lane)
end

-- It is not in flight any more; whose `entry` the job does not name is nobody's.
local function let_go(job, call)
  put(job, call.name .. '.entry', '')
  if synchronous(job, call) then redis.call('ZREM', cell .. 'sync:' .. call.service, job.id .. ':' .. call.name) end
end

local function close(job, call, status)
  tell(job, status .. ' ' .. call.name)
  if OPEN[job[call.name .. '.status']] then
    book(job, call, -1)
    if status == 'expired' then redis.call('HINCRBY', cell .. 'service:' .. call.service, 'expired.' .. job.priority, 1) end
  end
  put(job, call.name .. '.status', status)
end

-- What will not be called any more: answered by static data where there is any.
local function give_up(job, call, status)
  close(job, call, status)
  if not call.fallback then return end
  put(job, call.name .. '.status', 'fallback')
  put(job, call.name .. '.source', 'static')
  tell(job, 'fallback ' .. call.name)
  put(job, call.name .. '.error', status)
  redis.call('HSET', cell .. 'outcomes:' .. job.id, call.name, call.fallback)
end

-- All keys of a job are kept until then; nil: until somebody says so.
local ASKED_AND_ANSWERED = { 'parameters:', 'outcomes:' }
local function keep_until(job, moment)
  for _, key in ipairs(ASKED_AND_ANSWERED) do
    if moment then
      redis.call('PEXPIREAT', cell .. key .. job.id, moment)
    else
      redis.call('PERSIST', cell .. key .. job.id)
    end
  end
  keep_hash(job, moment)
end

-- To the dead letters: what was given up, and an operator has to look at.
--   <cell>dead  STREAM  kind (call | compensation | notification) job operation client priority timeout_ms call service error attempts parameters
local function bury(kind, job, call, error)
  tell(job, 'buried ' .. call.name .. ' ' .. error)
  redis.call('XADD', cell .. 'dead', '*', 'kind', kind, 'job', job.id, 'operation', job.operation, 'client', job.client,
    'priority', job.priority, 'timeout_ms', job.deadline - job.submitted, 'call', call.name, 'service', call.service,
    'error', error, 'attempts', job[call.name .. '.attempts'] or 0,
    'parameters', parameters_of(job.id))
end

-- Undo what was done, one call after the other, the last done first, and only when nothing of the job is in flight any more.
local function compensate(job, plan)
  if job.status == 'succeeded' then return end
  for i = #plan.calls, 1, -1 do
    if (job[plan.calls[i].name .. '.entry'] or '') ~= '' then return end
  end
  local buried = false
  for i = #plan.calls, 1, -1 do
    local call = plan.calls[i]
    local undone = call.undo and job[call.undo.name .. '.status']
    buried = buried or undone == 'failed' and not job[call.undo.name .. '.discarded']
    if call.undo and job[call.name .. '.effect'] == '1' and not (undone == 'succeeded' or undone == 'failed') then
      if not undone then
        book(job, call.undo, 1)
        enter_lane(job, plan, call.undo)
        keep_until(job, nil)
      end
      return
    end
  end
  keep_until(job, not buried and math.max(job.expires, now + 1000) or nil)
end

-- The one way into a terminal state. Open calls end as `open_as`; those in flight are aborted by whoever runs them.
-- The first write is ZREM, which Redis allows at maxmemory, and with it all that follow.
local result_ttl_ms
local function settle(job, plan, status, open_as)
  local in_flight = false
  remove('ZREM', cell .. 'deadlines', job.id)
  count(cell .. 'client:' .. job.client, 'in_flight', -1)
  for _, call in ipairs(plan.calls) do
    local state = job[call.name .. '.status']
    if OPEN[state] then close(job, call, open_as) end
    if state == 'running' then
      in_flight = true
      close(job, call, status == 'failed' and 'cancelled' or open_as)
    end
  end
  put(job, 'status', status)
  put(job, 'finished', now_text)
  tell(job, 'finished ' .. status .. (job.blame and ' ' .. job.blame or ''))
  result_ttl_ms = result_ttl_ms or redis.call('HGET', cell .. 'settings', 'result_ttl_ms')
  put(job, 'expires', whole(now + result_ttl_ms))
  ended[#ended + 1] = { job.id, job.operation, job.priority, job.mode, status, now - job.submitted }
  if in_flight then redis.call('PUBLISH', cell .. 'aborted', job.id) end
  announce(job)
  if status == 'succeeded' then
    keep_result(job)
    keep_until(job, job.expires)
  else
    compensate(job, plan)
  end
  return in_flight
end

-- After a call has ended: start what waited on it, skip what can no longer run, and end the job when nothing is left.
local function advance(job, plan)
  local open = false
  for _, call in ipairs(plan.calls) do
    local state = job[call.name .. '.status']
    if state == 'waiting' then
      local ready, lost = true, false
      for _, name in ipairs(call.after) do
        local before = job[name .. '.status']
        ready = ready and GOOD[before] or false
        lost = lost or not (GOOD[before] or OPEN[before] or before == 'running')
      end
      if lost then give_up(job, call, 'skipped') elseif ready then enter_lane(job, plan, call) end
      state = job[call.name .. '.status']
    end
    if call.required and not GOOD[state] and not OPEN[state] and state ~= 'running' then
      put(job, 'blame', call.name)
      return settle(job, plan, state == 'expired' and 'expired' or 'failed', state == 'expired' and 'expired' or 'skipped')
    end
    open = open or OPEN[state] or state == 'running'
  end
  if not open then settle(job, plan, 'succeeded', 'skipped') end
end

-- Past the deadline: what is required and not done decides. What has static data to fall back on is done with it.
local function run_out(job, plan)
  redis.call('ZREM', cell .. 'deadlines', job.id) -- a first write that Redis allows at maxmemory
  for _, call in ipairs(plan.calls) do
    local state = job[call.name .. '.status']
    if call.fallback and (OPEN[state] or state == 'running') then
      give_up(job, call, 'expired')
      if state == 'running' then redis.call('PUBLISH', cell .. 'aborted', job.id) end
    end
  end
  for _, call in ipairs(plan.calls) do
    if call.required and not GOOD[job[call.name .. '.status']] then return settle(job, plan, 'expired', 'expired') end
  end
  settle(job, plan, 'succeeded', 'expired')
end
