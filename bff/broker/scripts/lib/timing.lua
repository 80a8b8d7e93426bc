-- When a call must have started for its job to end in time.
--   <cell>service:<name>  HASH  expected_us (services.toml) slow_us (p95, as measured) timed_at (ms, the last time it was)
local START_MARGIN_MS = 100
local HOP_MS = 50 -- from the end of one call to the start of the next
local FRESH_MS = 10000 -- what was measured counts for so long; then services.toml does again, or nobody would ever be let in

-- How long the slower calls of a service take (p95), ms.
local function slow_ms(expected_us, slow_us, timed_at, timeout_ms)
  local measured = slow_us and now - timed_at <= FRESH_MS
  return math.min(math.ceil((measured and slow_us or expected_us) / 1000), tonumber(timeout_ms))
end

-- For how long a call may wait for its start, ms; 0: for as long as its job has. `known` where it was read already.
local function max_wait_ms(plan, call, priority, known)
  local name = call.service .. ' ' .. priority
  plan.max_waits = plan.max_waits or {}
  plan.max_waits[name] = plan.max_waits[name] or known
    or tonumber(redis.call('HGET', cell .. 'service:' .. call.service, 'max_wait_ms.' .. priority) or 0)
  return plan.max_waits[name]
end

-- How the calls of a service went, as it stands: read once.
local timings = {}
local function timing_of(service)
  local read = timings[service]
    or redis.call('HMGET', service, 'expected_us', 'slow_us', 'timed_at', 'timeout_ms', 'service_us')
  timings[service] = read
  return read
end

-- From the start of a call to the end of its job along the longest required path, ms. `slow` has what is known already of
-- services. bff/policies/admission.py counts the same.
local function rest_ms(plan, call, slow)
  if plan.rests then return plan.rests[call.name] end
  local rests = {}
  slow = slow or {}
  for i = #plan.calls, 1, -1 do
    local this = plan.calls[i]
    if not slow[this.service] then
      slow[this.service] = slow_ms(unpack(timing_of(cell .. 'service:' .. this.service), 1, 4))
    end
    local later_ms = 0
    for j = i + 1, #plan.calls do
      local later = plan.calls[j]
      for _, name in ipairs(later.required and later.after or {}) do
        if name == this.name then later_ms = math.max(later_ms, HOP_MS + rests[later.name]) end
      end
    end
    rests[this.name] = slow[this.service] + later_ms
  end
  plan.rests = rests
  return rests[call.name]
end
