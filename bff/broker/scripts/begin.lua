-- Start one call of a synchronous job, for the gateway that makes it: within the share of the service's slots that is for such
-- calls, and within all its slots, its rate and its breaker, as take does for workers. What is too late is expired instead.
-- KEYS  <cell>job:<id>
-- ARGV  id, call, gateway
-- Returns {begun, 0, entry, ended} | {limited | early, again_ms, nil, ended} | {over, 0, nil, ended}
--   entry: as take returns it. limited: no slot or no permit, ask again in again_ms. early: it is a retry, due in again_ms.
--   over: nothing of this call is left to do.
--#include job
--#include graph
--#include lane
--#include supply
local id, name = ARGV[1], ARGV[2]
local job = load(id)
local plan = job and plan_of(job)
local call = plan and plan.by_name[name]
if not call or not synchronous(job, call) or job[name .. '.status'] ~= 'queued' then return { 'over', 0, false, ended } end
local service, calling = cell .. 'service:' .. call.service, cell .. 'sync:' .. call.service
local supply = supply_of(service)
if not supply then return { 'over', 0, false, ended } end
redis.call('ZREM', calling, id .. ':' .. name) -- it is not there; a first write that Redis allows at maxmemory
if too_late(tonumber(job[name .. '.start_by'])) then
  give_up(job, call, 'expired')
  advance(job, plan)
  save(job)
  return { 'over', 0, false, ended }
end

local function limited(again_ms) return { 'limited', math.max(1, math.min(1000, again_ms)), false, ended } end

local early_ms = tonumber(job[name .. '.not_before'] or 0) - now
if early_ms > 0 then return { 'early', early_ms, false, ended } end
local sync_slots, timeout_ms = unpack(redis.call('HMGET', service, 'sync_slots', 'timeout_ms'))
if supply.open_ms == 0 then
  if supply.paused_ms > 0 then return limited(supply.paused_ms) end
  local calls = redis.call('ZCARD', calling)
  local in_flight = calls
  for _, lane in ipairs(LANES) do in_flight = in_flight + pending(cell .. 'lane:' .. call.service .. ':' .. lane) end
  if calls >= tonumber(sync_slots) or in_flight >= supply.slots then return limited(supply.look_again_ms) end
  if permits(supply, 1) < 1 then return limited(permit_ms(supply)) end
end
local number = redis.call('HINCRBY', service, 'sync_calls', 1)
redis.call('ZADD', calling, now + timeout_ms + 1000, id .. ':' .. name) -- as reclaim.lua counts: by then it is over for certain
local entry = string.format('0-%.0f', number) -- as no entry of a lane has it: release lets go of nothing else
local lane = cell .. 'lane:' .. call.service .. ':' .. job.priority
job.parameters = parameters_of(id)
local handed = hand_out(supply, lane, entry, now - job[name .. '.ready'], job, plan, call, ARGV[3])
keep_supply(supply)
return { 'begun', 0, handed, ended }
