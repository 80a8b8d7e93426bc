-- Entries that nobody will finish: idle for the call's timeout and a second, so that the call is over for certain. Their slot is
-- given back; the call goes back into its lane, its effect unknown, and whoever takes it decides whether it may run again. After
-- the third time it is buried among the dead letters. A call of a synchronous job failed with the gateway that made it.
-- KEYS  <cell>service:<name> HASH, <cell>lane:<name>:high, …:normal, …:low, …:again   STREAM
-- ARGV  limit per lane
-- Returns {how many, ended}
--#include job
--#include graph
--#include lane
local MOST_LOST = 3
local idle_ms = redis.call('HGET', KEYS[1], 'timeout_ms')
if not idle_ms then return { 0, ended } end

-- Nobody came back from this call so often that it may be what ends them. It is for an operator to look at.
local function poisonous(job, plan, call)
  put(job, call.name .. '.error', 'worker-lost')
  if call.undoes then
    put(job, call.name .. '.status', 'failed')
    bury('compensation', job, call, 'worker-lost')
    compensate(job, plan)
  else
    give_up(job, call, 'failed')
    advance(job, plan)
    if job.status == 'failed' then bury('call', job, call, 'worker-lost') end -- else the job does without it
  end
end

local function lost(job, plan, call)
  tell(job, 'reclaimed ' .. call.name)
  let_go(job, call)
  if job[call.name .. '.barred'] ~= '1' then -- else it was not called
    put(job, call.name .. '.effect', 1)
    put(job, call.name .. '.lost', (job[call.name .. '.lost'] or 0) + 1)
  end
  if TERMINAL[job.status] and not call.undoes then
    compensate(job, plan)
  elseif synchronous(job, call) then
    put(job, call.name .. '.error', 'worker-lost')
    give_up(job, call, 'failed')
    advance(job, plan)
  elseif tonumber(job[call.name .. '.lost'] or 0) >= MOST_LOST then
    poisonous(job, plan, call)
  else
    book(job, call, 1)
    enter_lane(job, plan, call, true)
  end
  save(job)
end

local count = 0
for i = 1, 4 do
  for _, held in ipairs(redis.call('XPENDING', KEYS[i + 1], GROUP, 'IDLE', idle_ms + 1000, '-', '+', ARGV[1])) do
    local entry = redis.call('XRANGE', KEYS[i + 1], held[1], held[1])[1]
    local job, plan, call
    if entry then job, plan, call = stands_for(entry, true) end
    release(KEYS[i + 1], held[1])
    count = count + 1
    if job and job[call.name .. '.entry'] == held[1] then lost(job, plan, call) end
  end
end
local calling = cell .. 'sync:' .. KEYS[1]:match('service:(.+)$')
for _, member in ipairs(redis.call('ZRANGEBYSCORE', calling, '-inf', now, 'LIMIT', 0, ARGV[1])) do
  redis.call('ZREM', calling, member)
  local id, name = member:match('^(.-):(.+)$')
  local job = load(id)
  count = count + 1
  if job and (job[name .. '.entry'] or '') ~= '' then
    local plan = plan_of(job)
    lost(job, plan, plan.by_name[name])
  end
end
return { count, ended }
