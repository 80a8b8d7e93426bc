-- One call's end, told by who ran it. Fenced: only the entry that the job names as in flight counts, and only once.
-- The first write is XACK, which Redis allows at maxmemory, so that accepted work finishes there too.
-- KEYS  <cell>job:<id>, <cell>lane:<service>:<priority>, <cell>service:<name>, and where the answer is to be cached <cell>cache:<digest>
-- ARGV  id, call, entry id, status (succeeded | fallback | failed), effect (0 | 1), milliseconds, http_status, error, source, stored_ms,
--       data, cache_ms, health (well | ill | empty: says nothing of the service), pause_ms (the whole service rests; 0: it does not)
-- Returns {done | late | stale, ended}    late: the job had ended before; the answer is discarded, what it did is undone
--#include job
--#include graph
--#include breaker
--#include slot

-- What admission counts with: a moving average of the last 16 calls or so; and what 95 of 100 calls do not exceed, found by steps
-- of which 19 go down for each that goes up (Robbins and Monro, "A Stochastic Approximation Method", 1951).
local times = {} -- as they stand, of each service: read once for all the runs of a batch
local function note_time(service, took_us)
  times[service] = times[service] or redis.call('HMGET', service, 'service_us', 'slow_us', 'expected_us', 'timed_at')
  local read = times[service]
  local slow_us = tonumber(read[2] and now - read[4] <= FRESH_MS and read[2] or read[3])
  slow_us = math.floor(took_us > slow_us and slow_us + slow_us * 19 / 400 or math.max(1000, slow_us - slow_us / 400))
  local service_us = whole((read[1] * 15 + took_us) / 16)
  redis.call('HSET', service, 'service_us', service_us, 'slow_us', whole(slow_us), 'timed_at', now_text)
  read[1], read[2], read[4] = service_us, slow_us, now
  for _, plan in pairs(plans) do plan.rests = nil end -- which were worked out with what was measured before
end

local id, name, entry, status, effect, milliseconds, http_status, error, source, stored_ms, data, cache_ms, health,
  pause_ms = unpack(ARGV)
local job = load(id)
release(KEYS[2], entry)
pause(KEYS[3], pause_ms)
if not job or job[name .. '.entry'] ~= entry then return { 'stale', ended } end
local plan = plan_of(job)
local call = plan.by_name[name]

tell(job, 'ended', name, status, http_status, milliseconds, source, error)
let_go(job, call)
if effect == '1' then put(job, name .. '.effect', '1') end
note_health(KEYS[3], health, milliseconds)
if source == 'live' then note_time(KEYS[3], milliseconds * 1000) end
if KEYS[4] and source == 'live' then redis.call('SET', KEYS[4], now .. ' ' .. data, 'PX', cache_ms) end

-- A call's last bound is the deadline: what failed by it did not fail, it ran out of time.
if status == 'failed' and not call.undoes and call.required and not TERMINAL[job.status]
  and now >= job.deadline - START_MARGIN_MS then
  run_out(job, plan)
end

local word = 'done'
if TERMINAL[job.status] and not call.undoes then
  word = 'late'
  compensate(job, plan)
else
  put(job, name .. '.status', status)
  put(job, name .. '.ms', milliseconds)
  for field, value in pairs({ http_status = http_status, error = error, source = source }) do
    if value ~= '' then put(job, name .. '.' .. field, value) end
  end
  if stored_ms ~= '' then put(job, name .. '.age_ms', math.max(0, now - stored_ms)) end
  if call.undoes then
    if status == 'failed' then bury('compensation', job, call, error) end
    compensate(job, plan)
  else
    if data ~= '' then redis.call('HSET', cell .. 'outcomes:' .. id, name, data) end
    advance(job, plan)
  end
end
save(job)
return { word, ended }
