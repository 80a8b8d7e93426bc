-- Whether a service may be called now: as its breaker says, as it asked itself, and as an operator does.
--   <cell>service:<name>  HASH  breaker.open_until breaker.forced (see breaker.lua) paused_until (ms, as the service asked)
--                               held_until (ms, as an operator did; 0: until he resumes it)
local PROBES = 3
local MAX_OPEN_MS = 60000

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
