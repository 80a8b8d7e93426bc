-- Admission: turn away at the door what cannot be served in time. The same rule stands in bff/policies/admission.py; a test
-- holds the two to the same verdicts, so both count in whole numbers (us between two starts, ms of waiting).
local PRIORITIES = { 'high', 'normal', 'low' }
local WEIGHTS = { high = 8, normal = 3, low = 1 }
local ALL_WEIGHTS = 12
local SHED_ABOVE_PER_MILLE = { high = 1000000, normal = 900, low = 750 } -- high is turned away by its own bound alone

local function lane_state(service, priority)
  local read = redis.call('HMGET', cell .. 'service:' .. service, 'booked.high', 'booked.normal', 'booked.low',
    'bound.' .. priority, 'capacity', 'interval_us', 'service_us', 'max_concurrency', 'max_wait_ms.' .. priority)
  local waiting = { high = tonumber(read[1] or 0), normal = tonumber(read[2] or 0), low = tonumber(read[3] or 0) }
  return {
    waiting = waiting[priority],
    total = waiting.high + waiting.normal + waiting.low,
    bound = tonumber(read[4]), capacity = tonumber(read[5]),
    spacing_us = math.max(1, tonumber(read[6]), math.ceil(tonumber(read[7]) / tonumber(read[8]))),
    max_wait_ms = tonumber(read[9] or 0),
  }
end

-- Entries of its lane before a call that is queued.
local function ahead_of(job, call)
  local left = tonumber(redis.call('HGET', cell .. 'service:' .. call.service, 'left.' .. job.priority) or 0)
  return math.max(0, job[call.name .. '.place'] - left - 1)
end

-- Ahead of a newcomer: everything that waits, but no more than its lane's weight lets past while its own lane is served.
local function wait_ms(state, priority, waiting)
  local ahead = math.min(state.total, math.ceil(waiting * ALL_WEIGHTS / WEIGHTS[priority]))
  return math.floor(ahead * state.spacing_us / 1000)
end

-- word, service, retry_ms (until it would be different), expected_ms (from now to the end). Places are booked for the whole
-- graph at once, so what is ahead of a later call is counted while the earlier ones run: its start is the later of both.
-- What is done already waits for nothing.
local function admit(plan, priority, timeout_ms, done)
  local ends, refused = {}, {}
  local longest = 0
  for _, call in ipairs(plan.calls) do
    local state = lane_state(call.service, priority)
    local begins, needed = 0, not done[call.name]
    for _, name in ipairs(call.after) do begins = math.max(begins, ends[name]) end
    local wait = wait_ms(state, priority, state.waiting)
    local start = math.max(begins, wait)
    local latest = timeout_ms - call.rest_ms - START_MARGIN_MS
    if state.max_wait_ms > 0 then latest = math.min(latest, begins + state.max_wait_ms) end
    ends[call.name] = needed and start + call.expected_ms or 0
    local word, excess = nil, 0
    if needed and state.waiting >= state.bound then
      word, excess = 'queue-full', state.waiting - state.bound + 1
    elseif needed and state.total * 1000 >= state.capacity * SHED_ABOVE_PER_MILLE[priority] then
      word, excess = 'shedding', state.total - math.floor(state.capacity * SHED_ABOVE_PER_MILLE[priority] / 1000) + 1
    end
    if word then
      if call.required then return word, call.service, math.ceil(excess * state.spacing_us / 1000), longest end
      refused[call.name] = true
    elseif needed then
      if call.required and start > latest then
        return 'deadline-unattainable', call.service, start - latest, start
      end
      longest = math.max(longest, ends[call.name])
    end
  end
  return 'accepted', '', 0, longest, refused
end
