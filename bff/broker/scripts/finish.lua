-- One call's end, told by who ran it. Fenced: only the entry that the job names as in flight counts, and only once.
-- The first write is XACK, which Redis allows at maxmemory, so that accepted work finishes there too.
-- KEYS  <cell>job:<id>, <cell>lane:<service>:<priority>, <cell>service:<name>, and where the answer is to be cached <cell>cache:<digest>
-- ARGV  id, call, entry id, status (succeeded | fallback | failed), effect (0 | 1), milliseconds, http_status, error, source, stored_ms,
--       data, cache_ms, health (well | ill | empty: says nothing of the service), pause_ms (the whole service rests; 0: it does not)
-- Returns {done | late | stale, ended}    late: the job had ended before; the answer is discarded, what it did is undone
--#include job
--#include graph
--#include breaker
--#include measure
--#include slot

noted = noted or {} -- from here on is written behind the last run of the batch what no run reads
local id, name, entry, status, effect, milliseconds, http_status, error, source, stored_ms, data, cache_ms, health,
  pause_ms = unpack(ARGV)
local job = load(id)
release(KEYS[2], entry)
pause(KEYS[3], pause_ms)
if not job or job[name .. '.entry'] ~= entry then return { 'stale', ended } end
local plan = plan_of(job)
local call = plan.by_name[name]

tell(job, 'ended ' .. name .. ' ' .. status .. ' ' .. http_status .. ' ' .. milliseconds .. ' ' .. source .. ' ' .. error)
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
  if http_status ~= '' then put(job, name .. '.http_status', http_status) end
  if error ~= '' then put(job, name .. '.error', error) end
  if source ~= '' then put(job, name .. '.source', source) end
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
