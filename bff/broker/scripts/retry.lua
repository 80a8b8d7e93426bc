-- Park a call that is worth another attempt; the requeue duty puts it back into its lane when it is due.
-- KEYS  <cell>job:<id>, <cell>lane:<service>:<priority>, <cell>service:<name>, <cell>parked ZSET "<id>:<call>" -> due_ms
-- ARGV  id, call, entry id, effect (0 | 1), delay_ms, error, http_status, pause_ms (the whole service rests; 0: it does not),
--       attempted (1 | 0: not, though take counted one | empty: take counted none), budgeted (0 | 1: costs a retry of the budget),
--       health (well | ill | empty), ran_ms
-- Returns {parked | too-late | no-budget | late | stale, ended}    too-late, no-budget: nothing was changed but the pause;
--       finish it as failed
--#include job
--#include graph
--#include breaker
--#include slot
--#include budget
local id, name, entry, effect, delay_ms, error, http_status, pause_ms, attempted, budgeted, health, ran_ms = unpack(ARGV)
local MOST_SPARED = 10
local job = load(id)
redis.call('XACK', KEYS[2], GROUP, '0-0') -- acknowledges nothing: a first write that Redis allows at maxmemory
pause(KEYS[3], pause_ms)
if not job or job[name .. '.entry'] ~= entry then
  release(KEYS[2], entry)
  return { 'stale', ended }
end
local plan = plan_of(job)
local call = plan.by_name[name]
local over = TERMINAL[job.status] and not call.undoes
if not over and not call.undoes then
  if now + delay_ms > job.deadline - rest_ms(plan, call) - START_MARGIN_MS then return { 'too-late', ended } end
  if budgeted == '1' and not spend_retry(KEYS[3]) then return { 'no-budget', ended } end
end
release(KEYS[2], entry)
note_health(KEYS[3], health, ran_ms)
let_go(job, call)
if effect == '1' then put(job, name .. '.effect', 1) end
if attempted == '0' then put(job, name .. '.attempts', job[name .. '.attempts'] - 1) end
local spared = tonumber(job[name .. '.spared'] or 0) -- pushed back by a 429: nothing was done, and the call cannot help it
if http_status == '429' and spared < MOST_SPARED then put(job, name .. '.spared', spared + 1) end
if over then
  tell(job, 'ended ' .. name .. ' failed ' .. http_status .. ' ' .. ran_ms .. '  ' .. error)
  compensate(job, plan)
else
  tell(job, 'parked ' .. name .. ' ' .. delay_ms .. ' ' .. http_status .. ' ' .. ran_ms .. ' ' .. error)
  put(job, name .. '.status', 'queued')
  put(job, name .. '.error', error)
  put(job, name .. '.http_status', http_status)
  book(job, call, 1)
  if synchronous(job, call) then
    put(job, name .. '.not_before', now + delay_ms)
  else
    redis.call('ZADD', KEYS[4], now + delay_ms, id .. ':' .. name)
    redis.call('HINCRBY', KEYS[3], 'parked', 1)
  end
end
save(job)
return { over and 'late' or 'parked', ended }
