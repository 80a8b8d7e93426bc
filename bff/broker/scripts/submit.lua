-- Accept a job: idempotency, admission to the lane of every call, then job, parameters, places and entries, or nothing of it.
-- KEYS  <cell>job:<id>, <cell>parameters:<id>, <cell>deadlines, <cell>client:<client>, and with an Idempotency-Key
--       <cell>idempotency:<digest> STRING "<id> <fingerprint>"
-- ARGV  id, plan digest, operation, client, priority, mode, timeout_ms, parameters, traceparent, tracestate, fingerprint, kept_ms,
--       the client's quota: interval_us, window_us, max_in_flight (0: none), whom to tell of its end: URI (empty: nobody),
--       always | unclaimed, the gateway that accepts it, and for each inline call that is done already: call, milliseconds,
--       http_status, data
-- Returns {accepted, now_ms, expected_ms, position, plain (0 | 1), ended, used_us} | {replayed, id} | {conflict, id} | {unconfigured}
--       | {queue-full | shedding | deadline-unattainable | downstream-unavailable, service, retry_ms, expected_ms}
--       | {quota-exceeded, requests | in-flight, retry_ms, used_us}
--       plain: every call that is not done waits for its turn, none was skipped. used_us: of window_us, what the client has used of its quota.
--#include job
--#include graph
--#include allowed
--#include admission
local id, digest, operation, client, priority, mode, timeout_ms, parameters, traceparent, tracestate, fingerprint, kept_ms,
  interval_us, window_us, max_in_flight, notify, notify_when, gateway = unpack(ARGV)
local DONE_FROM = 19
if KEYS[5] then
  local record = redis.call('GET', KEYS[5])
  if record then
    local known, print = record:match('^(%S+) (%S+)$')
    return { print == fingerprint and 'replayed' or 'conflict', known }
  end
end

-- GCRA: each accepted job moves the client's theoretical arrival time on by one interval, up to one window ahead.
local used = redis.call('HMGET', KEYS[4], 'next_us', 'in_flight')
local clock_us = clock[1] * 1000000 + clock[2]
local used_us = math.max(0, math.min(tonumber(used[1] or 0) - clock_us, tonumber(window_us)))
if tonumber(interval_us) > 0 and used_us + interval_us > tonumber(window_us) then
  return { 'quota-exceeded', 'requests', math.ceil((used_us + interval_us - window_us) / 1000), used_us }
end
if tonumber(max_in_flight) > 0 and tonumber(used[2] or 0) >= tonumber(max_in_flight) then
  return { 'quota-exceeded', 'in-flight', 0, used_us }
end

timeout_ms = tonumber(timeout_ms)
local deadline = whole(now + timeout_ms)
local job = {
  id = id, changed = {}, changes = 0, events = {}, operation = operation, client = client, priority = priority, mode = mode, plan = digest,
  version = 0, submitted = now_text, deadline = deadline, gateway = gateway, traceparent = traceparent, tracestate = tracestate,
}
local plan = plan_of(job)
if not plan then return { 'unconfigured' } end
local done = {}
for i = DONE_FROM, #ARGV, 4 do done[ARGV[i]] = i end
local admitting = mode == 'sync' and admit_sync or admit
local word, service, retry_ms, expected_ms, refused, states = admitting(plan, priority, timeout_ms, done)
if word ~= 'accepted' then return { word, service, retry_ms, expected_ms } end

local asked_for = { operation, client, priority, mode, digest, now_text, deadline, gateway, traceparent, tracestate }
redis.call('SET', KEYS[2], table.concat(asked_for, '\0') .. '\0\n' .. parameters)
redis.call('ZADD', KEYS[3], deadline, id)
if KEYS[5] then redis.call('SET', KEYS[5], id .. ' ' .. fingerprint, 'PX', kept_ms) end
redis.call('HINCRBY', KEYS[4], 'in_flight', '1')
if tonumber(interval_us) > 0 then
  used_us = used_us + interval_us
  redis.call('HSET', KEYS[4], 'next_us', whole(clock_us + used_us))
end
put(job, 'status', 'queued')
if notify ~= '' then
  put(job, 'notify', notify)
  put(job, 'notify_when', notify_when)
end
local regular = not next(done) and not next(refused)
if not regular then redis.call('HSET', KEYS[1], 'status', 'queued') end -- it may end at once, and has a key to expire
tell(job, 'submitted ' .. gateway)
for _, call in ipairs(plan.calls) do
  local at = done[call.name]
  if at then
    for k, field in ipairs({ '.ms', '.http_status' }) do put(job, call.name .. field, ARGV[at + k]) end
    put(job, call.name .. '.attempts', 1)
    tell(job, 'inline ' .. call.name .. ' ' .. ARGV[at + 2] .. ' ' .. ARGV[at + 1])
    put(job, call.name .. '.source', 'live')
    redis.call('HSET', cell .. 'outcomes:' .. id, call.name, ARGV[at + 3])
  else
    book(job, call, 1)
    if not refused[call.name] and mode ~= 'sync' then
      note_newcomer(call.service, priority, states[call.service].age)
      states[call.service].age = 0
    end
  end
  put(job, call.name .. '.status', at and 'succeeded' or 'waiting')
  if refused[call.name] then give_up(job, call, 'skipped') end
end
advance(job, plan)
if regular then job.events = {} end -- see timeline.lua
write(job) -- nobody can know of it yet, to be told
local position, plain = -1, 1
for _, call in ipairs(plan.calls) do
  local status = job[call.name .. '.status']
  if status == 'queued' and mode ~= 'sync' then
    position = math.max(position, ahead_of(job, call, states[call.service].left))
  end
  if status == 'skipped' or status == 'fallback' then plain = 0 end
end
return { 'accepted', now, expected_ms, position, plain, ended, used_us }
