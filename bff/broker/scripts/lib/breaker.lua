-- The circuit breaker of a service, seen by every worker and by admission at once. The same rule stands in
-- bff/policies/breaker.py, with its reasons; a test holds the two to the same states.
--   <cell>service:<name>  HASH  breaker.open_until (ms; 0: closed; past: half-open) .since .opened .window_at .good .bad
--                               .earlier_good .earlier_bad, and the rule: breaker.failure_percent .minimum_calls .window_ms .open_ms
--                               breaker.forced (open | closed: an operator says so, whatever the ends of calls say)
--#include allowed
--#include later
local BREAKER = { 'open_until', 'since', 'opened', 'window_at', 'good', 'bad', 'earlier_good', 'earlier_bad' }

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

-- What differs from what was read, if it was.
local function write_breaker(b)
  local fields = {}
  for i, name in ipairs(BREAKER) do
    if not b.read or b[name] ~= tonumber(b.read[i] or 0) then
      fields[#fields + 1] = 'breaker.' .. name
      fields[#fields + 1] = string.format('%.0f', b[name])
    end
  end
  if #fields > 0 then redis.call('HSET', b.service, unpack(fields)) end
end

-- An operator's word stands above what the ends of calls say: 'open' | 'closed'. After 'auto' they count again: those of a few
-- probes first where it was open. The first write is HDEL, which Redis allows at maxmemory.
local function force_breaker(service, word)
  local forced = redis.call('HGET', service, 'breaker.forced')
  redis.call('HDEL', service, 'breaker.forced')
  local b = { service = service }
  close_breaker(b)
  if word == 'auto' and forced == 'open' then b.open_until = now end
  if word == 'closed' or word == 'auto' and forced == 'open' then write_breaker(b) end
  if word ~= 'auto' then redis.call('HSET', service, 'breaker.forced', word) end
end

-- As it stands, read once.
local breakers = {}
local function breaker_of(service)
  if breakers[service] then return breakers[service] end
  local read = redis.call('HMGET', service, 'breaker.open_until', 'breaker.since', 'breaker.opened', 'breaker.window_at',
    'breaker.good', 'breaker.bad', 'breaker.earlier_good', 'breaker.earlier_bad',
    'breaker.failure_percent', 'breaker.minimum_calls', 'breaker.window_ms', 'breaker.open_ms', 'breaker.forced')
  local b = {
    service = service, read = read, failure_percent = tonumber(read[9] or 0), minimum_calls = tonumber(read[10] or 0),
    window_ms = tonumber(read[11] or 0), open_ms = tonumber(read[12] or 0), forced = read[13],
  }
  for i, name in ipairs(BREAKER) do b[name] = tonumber(read[i] or 0) end
  breakers[service] = b
  return b
end

-- What the end of a call that ran for `ran_ms` says of its service: 'well', 'ill', or '' (nothing).
local function note_health(service, health, ran_ms)
  if health == '' then return end
  local b = breaker_of(service)
  if b.forced or b.window_ms == 0 or now - ran_ms < b.since and b.since <= now + MAX_OPEN_MS then return end
  if b.open_until > 0 then
    if health == 'ill' then open_breaker(b) else b.good = b.good + 1 end
    if b.good >= PROBES then close_breaker(b) end
  else
    roll_window(b)
    b[health == 'well' and 'good' or 'bad'] = b[health == 'well' and 'good' or 'bad'] + 1
    if too_bad(b) then open_breaker(b) end
  end
  later(b, write_breaker)
end
