-- Admission: turn away at the door what cannot be served in time. The same rule stands in bff/policies/admission.py; a test
-- holds the two to the same verdicts, so both count in whole numbers (us between two starts, ms of waiting).
--#include weights
local SHED_ABOVE_PER_MILLE = { high = 1000000, normal = 900, low = 750 } -- high is turned away by its own bound alone
local FULL, NONE = 'full', 'none' -- a service's `admission`: what turns a job away there; else by capacity, its lane's bound alone
local HELD_RETRY_MS = 60000 -- for what needs a service that an operator holds until he resumes it

-- Who came to the other lanes within the last ten seconds, estimated from two windows of that length. read[at + 1] to read[at + 3]
-- count the present one, the next three the one before.
local CAME_WITHIN_MS = 10000
local function newcomers(read, at, age, priority)
  local sum = 0
  for i, other in ipairs(PRIORITIES) do
    local came, before = tonumber(read[at + i] or 0), tonumber(read[at + 3 + i] or 0)
    if age >= CAME_WITHIN_MS then came, before = 0, age < 2 * CAME_WITHIN_MS and came or 0 end
    if other ~= priority then
      sum = sum + came + math.floor(before * (CAME_WITHIN_MS - age % CAME_WITHIN_MS) / CAME_WITHIN_MS)
    end
  end
  return sum
end

-- `age`: of the present window, as lane_state read it.
local function note_newcomer(name, priority, age)
  local service = cell .. 'service:' .. name
  if age >= CAME_WITHIN_MS then
    for _, each in ipairs(PRIORITIES) do
      local came = redis.call('HGET', service, 'came.' .. each) or 0
      redis.call('HSET', service, 'came_before.' .. each, age < 2 * CAME_WITHIN_MS and came or 0, 'came.' .. each, 0)
    end
    redis.call('HSET', service, 'came_at', now - age % CAME_WITHIN_MS)
  end
  redis.call('HINCRBY', service, 'came.' .. priority, '1')
end

local function lane_state(service, priority)
  local read = redis.call('HMGET', cell .. 'service:' .. service, 'booked.high', 'booked.normal', 'booked.low',
    'bound.' .. priority, 'capacity', 'interval_us', 'service_us', 'max_concurrency', 'max_wait_ms.' .. priority,
    'breaker.open_until', 'paused_until',
    'came_at', 'came.high', 'came.normal', 'came.low', 'came_before.high', 'came_before.normal', 'came_before.low',
    'expected_us', 'slow_us', 'timed_at', 'timeout_ms', 'entered.again', 'left.again',
    'breaker.forced', 'held_until', 'admission', 'left.' .. priority)
  local waiting = { high = tonumber(read[1] or 0), normal = tonumber(read[2] or 0), low = tonumber(read[3] or 0) }
  local slots, open_ms = breaker_allows(read[10], tonumber(read[8]), read[25])
  local held, endless = held_ms(read[26])
  local age = now - (read[12] or 0)
  return {
    waiting = waiting[priority],
    total = waiting.high + waiting.normal + waiting.low,
    bound = tonumber(read[4]), capacity = tonumber(read[5]),
    spacing_us = math.max(1, tonumber(read[6]), math.ceil(tonumber(read[7]) / math.max(1, slots))),
    max_wait_ms = tonumber(read[9] or 0),
    others = newcomers(read, 12, age, priority), age = age, service_ms = math.ceil(read[7] / 1000),
    slow_ms = slow_ms(read[19], read[20], read[21], read[22]),
    again = math.max(0, (read[23] or 0) - (read[24] or 0)),
    open_ms = open_ms, paused_ms = math.max(rests_ms(read[11]), held), held = endless,
    admission = read[27] or FULL, left = tonumber(read[28] or 0),
  }
end

-- Entries of its lane before a call that is queued, of which so many have `left`.
local function ahead_of(job, call, left) return math.max(0, job[call.name .. '.place'] - left - 1) end

-- Ahead of a newcomer: everything that waits, and what will come to the other lanes meanwhile if it goes on as of late; but no
-- more than what was begun before, and what its lane's weight lets past while its own lane is served.
local function wait_ms(state, priority, waiting)
  local ahead = state.again + math.ceil(waiting * ALL_WEIGHTS / WEIGHTS[priority])
  local taken_per_mille = math.floor(state.others * state.spacing_us / CAME_WITHIN_MS)
  if taken_per_mille < 1000 then ahead = math.min(ahead, math.floor(state.total * 1000 / (1000 - taken_per_mille))) end
  return state.paused_ms + math.floor(ahead * state.spacing_us / 1000)
end

-- Why a call gets no place, and in how many ms that would be different: nil where it gets one. With an open breaker one whose
-- last good answer may be in the cache is let in: a worker looks there. Not while an operator holds the service, until he resumes
-- it: nobody takes anything then.
local function obstacle(state, priority, call, start, latest)
  if state.admission == NONE then return end
  local full = state.admission == FULL
  if full and state.held then return 'downstream-unavailable', HELD_RETRY_MS end
  if full and state.open_ms > 0 and not call.cached then return 'downstream-unavailable', state.open_ms end
  if state.waiting >= state.bound then
    return 'queue-full', math.ceil((state.waiting - state.bound + 1) * state.spacing_us / 1000)
  end
  if not full then return end
  if state.total * 1000 >= state.capacity * SHED_ABOVE_PER_MILLE[priority] then
    local excess = state.total - math.floor(state.capacity * SHED_ABOVE_PER_MILLE[priority] / 1000) + 1
    return 'shedding', math.ceil(excess * state.spacing_us / 1000)
  end
  if start > latest then return 'deadline-unattainable', start - latest end
end

-- The same for a synchronous job, which waits in no lane: it is refused only for what would certainly fail.
local function admit_sync(plan)
  for _, call in ipairs(plan.calls) do
    local read = redis.call('HMGET', cell .. 'service:' .. call.service, 'breaker.open_until', 'breaker.forced', 'held_until',
      'admission')
    local _, open_ms = breaker_allows(read[1], 1, read[2])
    local _, held = held_ms(read[3])
    if held then open_ms = HELD_RETRY_MS end
    if (read[4] or FULL) ~= FULL then open_ms = 0 end
    if open_ms > 0 and call.required and not call.fallback and (held or not call.cached) then
      return 'downstream-unavailable', call.service, open_ms, open_ms
    end
  end
  local longest = 0
  for _, call in ipairs(plan.calls) do longest = math.max(longest, rest_ms(plan, call)) end
  return 'accepted', '', 0, longest, {}, {}
end

-- word, service, retry_ms (until it would be different), expected_ms (from now to the end; of a refusal, to the start of the call
-- that it is for), names of calls that get no place (they are optional, or have static data to fall back on), and how the services
-- stand, by name. Places are booked for the whole graph at once, so what is ahead of a later call is counted
-- while the earlier ones run: its start is the later of both. What is done waits for nothing.
local function admit(plan, priority, timeout_ms, done)
  local ends, refused, longest = {}, {}, 0
  local states, slow = {}, {}
  for _, call in ipairs(plan.calls) do
    local state = states[call.service] or lane_state(call.service, priority)
    states[call.service], slow[call.service] = state, state.slow_ms
    max_wait_ms(plan, call, priority, state.max_wait_ms)
  end
  for _, call in ipairs(plan.calls) do
    local begins = 0
    for _, name in ipairs(call.after) do begins = math.max(begins, ends[name]) end
    ends[call.name] = done[call.name] and 0 or begins
    if not done[call.name] then
      local state = states[call.service]
      local start = math.max(begins, wait_ms(state, priority, state.waiting))
      local latest = timeout_ms - rest_ms(plan, call, slow) - START_MARGIN_MS
      if state.max_wait_ms > 0 then latest = math.min(latest, begins + state.max_wait_ms) end
      local word, retry_ms = obstacle(state, priority, call, start, latest)
      if word and call.required and not call.fallback then
        return word, call.service, retry_ms, word == 'downstream-unavailable' and retry_ms or start
      end
      if word then
        refused[call.name] = true
      else
        ends[call.name] = start + state.service_ms
        longest = math.max(longest, ends[call.name])
      end
    end
  end
  return 'accepted', '', 0, longest, refused, states
end
