-- The circuit breaker of a service, seen by every worker and by admission at once. The same rule stands in
-- bff/policies/breaker.py, with its reasons; a test holds the two to the same states.
--   <cell>service:<name>  HASH  breaker.open_until (ms; 0: closed; past: half-open) .since .opened .window_at .good .bad
--                               .earlier_good .earlier_bad, and the rule: breaker.failure_percent .minimum_calls .window_ms .open_ms
--                               breaker.forced (open | closed: an operator says so, whatever the ends of calls say)
--                               paused_until (ms, as the service asked) held_until (ms, as an operator did; 0: until he resumes it)
local PROBES = 3
local MAX_OPEN_MS = 60000
local BREAKER = { 'open_until', 'since', 'opened', 'window_at', 'good', 'bad', 'earlier_good', 'earlier_bad' }
local RULE = { 'failure_percent', 'minimum_calls', 'window_ms', 'open_ms' }

-- How many calls may be in flight, and for how long none may.
local function breaker_allows(open_until, slots, forced)
  if forced == 'open' then return 0, MAX_OPEN_MS end
  open_until = tonumber(open_until or 0)
  if open_until == 0 or forced == 'closed' then return slots, 0 end
  if now < open_until and open_until <= now + MAX_OPEN_MS then return 0, open_until - now end -- later: the clock was set back
  return math.min(slots, PROBES), 0
end

-- For how long the service rests, as it asked: an hour at most.
local function rests_ms(paused_until)
  local paused_ms = math.max(0, (paused_until or 0) - now)
  return paused_ms <= 3600000 and paused_ms or 0
end

-- For how long an operator holds it, and whether there is no end to that yet: it is taken for an hour then.
local function held_ms(held_until)
  if held_until == '0' then return 3600000, true end
  return math.max(0, (held_until or 0) - now), false
end

local function open_breaker(b)
  local open_until = now + math.min(MAX_OPEN_MS, b.open_ms * 2 ^ math.min(b.opened, 10))
  b.open_until, b.since, b.opened = open_until, open_until, b.opened + 1
  b.window_at, b.good, b.bad, b.earlier_good, b.earlier_bad = 0, 0, 0, 0, 0
end

local function close_breaker(b)
  b.open_until, b.since, b.opened = 0, now, 0
  b.window_at, b.good, b.bad, b.earlier_good, b.earlier_bad = now, 0, 0, 0, 0
end

local function roll_window(b)
  local age = now - b.window_at
  if age < b.window_ms then return end
  b.earlier_good, b.earlier_bad = 0, 0
  if age < 2 * b.window_ms then b.earlier_good, b.earlier_bad = b.good, b.bad end
  b.window_at, b.good, b.bad = now - age % b.window_ms, 0, 0
end

local function too_bad(b)
  local earlier = b.window_ms - (now - b.window_at)
  local bad = b.bad * b.window_ms + b.earlier_bad * earlier
  local all = bad + b.good * b.window_ms + b.earlier_good * earlier
  return all >= b.minimum_calls * b.window_ms and bad * 100 >= all * b.failure_percent
end

local function write_breaker(service, b)
  local fields = {}
  for _, name in ipairs(BREAKER) do
    fields[#fields + 1] = 'breaker.' .. name
    fields[#fields + 1] = string.format('%.0f', b[name])
  end
  redis.call('HSET', service, unpack(fields))
end

-- An operator's word stands above what the ends of calls say: 'open' | 'closed'. After 'auto' they count again: those of a few
-- probes first where it was open. The first write is HDEL, which Redis allows at maxmemory.
local function force_breaker(service, word)
  local forced = redis.call('HGET', service, 'breaker.forced')
  redis.call('HDEL', service, 'breaker.forced')
  local b = {}
  close_breaker(b)
  if word == 'auto' and forced == 'open' then b.open_until = now end
  if word == 'closed' or word == 'auto' and forced == 'open' then write_breaker(service, b) end
  if word ~= 'auto' then redis.call('HSET', service, 'breaker.forced', word) end
end

-- What the end of a call that ran for `ran_ms` says of its service: 'well', 'ill', or '' (nothing).
local function note_health(service, health, ran_ms)
  if health == '' then return end
  local names, b = {}, {}
  for _, name in ipairs(BREAKER) do names[#names + 1] = 'breaker.' .. name end
  for _, name in ipairs(RULE) do names[#names + 1] = 'breaker.' .. name end
  names[#names + 1] = 'breaker.forced'
  local read = redis.call('HMGET', service, unpack(names))
  if read[#names] then return end
  for i, name in ipairs(names) do b[name:sub(9)] = tonumber(read[i] or 0) end
  if now - ran_ms < b.since and b.since <= now + MAX_OPEN_MS or b.window_ms == 0 then return end
  if b.open_until > 0 then
    if health == 'ill' then open_breaker(b) else b.good = b.good + 1 end
    if b.good >= PROBES then close_breaker(b) end
  else
    roll_window(b)
    b[health == 'well' and 'good' or 'bad'] = b[health == 'well' and 'good' or 'bad'] + 1
    if too_bad(b) then open_breaker(b) end
  end
  write_breaker(service, b)
end
