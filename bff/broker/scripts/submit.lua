-- Accept a job: idempotency, admission to the lane of every call, then job, parameters, places and entries, or nothing of it.
-- KEYS  <cell>job:<id>, <cell>parameters:<id>, <cell>deadlines, and with an Idempotency-Key <cell>idempotency:<digest> STRING
--       "<id> <fingerprint>"
-- ARGV  id, plan digest, operation, client, priority, mode, timeout_ms, parameters, traceparent, tracestate, fingerprint, kept_ms,
--       and for each inline call that is done already: call, milliseconds, http_status, data
-- Returns {accepted, now_ms, expected_ms, position, names of calls skipped for want of a place, ended} | {replayed, id} | {conflict, id} | {unconfigured}
--       | {queue-full | shedding | deadline-unattainable, service, retry_ms, expected_ms}
--#include job
--#include graph
--#include admission
local id, digest, operation, client, priority, mode, timeout_ms, parameters, traceparent, tracestate, fingerprint, kept_ms =
  unpack(ARGV)
if KEYS[4] then
  local record = redis.call('GET', KEYS[4])
  if record then
    local known, print = record:match('^(%S+) (%S+)$')
    return { print == fingerprint and 'replayed' or 'conflict', known }
  end
end
if redis.call('EXISTS', cell .. 'plan:' .. digest) == 0 then return { 'unconfigured' } end
timeout_ms = tonumber(timeout_ms)
local job = {
  id = id, changed = {}, operation = operation, client = client, priority = priority, mode = mode, plan = digest,
  status = 'queued', version = 0, submitted = now, deadline = now + timeout_ms,
}
local plan = plan_of(job)
local done = {}
for i = 13, #ARGV, 4 do done[ARGV[i]] = i end
local word, service, retry_ms, expected_ms, refused = admit(plan, priority, timeout_ms, done)
if word ~= 'accepted' then return { word, service, retry_ms, expected_ms } end

for _, field in ipairs({ 'operation', 'client', 'priority', 'mode', 'plan', 'status', 'submitted', 'deadline' }) do
  put(job, field, job[field])
end
if traceparent ~= '' then put(job, 'traceparent', traceparent) end
if tracestate ~= '' then put(job, 'tracestate', tracestate) end
redis.call('HSET', KEYS[1], 'operation', operation) -- first, so that a job that ends at once has a key to expire
redis.call('SET', KEYS[2], parameters)
redis.call('ZADD', KEYS[3], job.deadline, id)
if KEYS[4] then redis.call('SET', KEYS[4], id .. ' ' .. fingerprint, 'PX', kept_ms) end
for _, call in ipairs(plan.calls) do
  local at = done[call.name]
  if at then
    for k, field in ipairs({ '.ms', '.http_status' }) do put(job, call.name .. field, ARGV[at + k]) end
    put(job, call.name .. '.attempts', 1)
    put(job, call.name .. '.source', 'live')
    redis.call('HSET', cell .. 'outcomes:' .. id, call.name, ARGV[at + 3])
  elseif not refused[call.name] then
    book(job, call, 1)
  end
  put(job, call.name .. '.status', at and 'succeeded' or refused[call.name] and 'skipped' or 'waiting')
end
advance(job, plan)
save(job)
local position, skipped = -1, {}
for _, call in ipairs(plan.calls) do
  local status = job[call.name .. '.status']
  if status == 'queued' then position = math.max(position, ahead_of(job, call)) end
  if status == 'skipped' then skipped[#skipped + 1] = call.name end
end
return { 'accepted', now, expected_ms, position, skipped, ended }
