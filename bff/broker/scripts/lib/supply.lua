-- What a service has to give at this moment, by its slots, its rate and its breaker; and handing out one call of it.
--   <cell>service:<name>  HASH  max_concurrency interval_us burst_us next_us paused_until service_us, and see allowed.lua, budget.lua
--                               sync_calls (how many synchronous calls were begun: a number for each)
--   <cell>sync:<name>     ZSET  "<id>:<call>" of a synchronous job -> when the call is over for certain, ms: a slot each
--#include allowed
--#include budget

-- nil where the service was not laid down.
local function supply_of(service)
  local set = redis.call('HMGET', service, 'max_concurrency', 'interval_us', 'burst_us', 'next_us', 'paused_until', 'service_us',
    'breaker.open_until', 'breaker.forced', 'held_until')
  if not set[1] then return nil end
  local slots, open_ms = breaker_allows(set[7], tonumber(set[1]), set[8])
  local interval_us, burst_us = tonumber(set[2]), tonumber(set[3])
  local clock_us = clock[1] * 1000000 + clock[2]
  return {
    service = service, slots = slots, open_ms = open_ms, half_open = slots > 0 and tonumber(set[7] or 0) > 0,
    paused_ms = math.max(rests_ms(set[5]), (held_ms(set[9]))), interval_us = interval_us, burst_us = burst_us, clock_us = clock_us,
    -- GCRA: the theoretical arrival time of the next call. No further ahead than it can be, should the clock have been set back.
    next_us = math.min(math.max(tonumber(set[4] or 0), clock_us), clock_us + burst_us + interval_us),
    look_again_ms = math.min(250, math.max(5, math.floor(set[6] / 4000))), firsts = 0, places = {},
  }
end

local function permits(supply, wanted)
  if supply.interval_us == 0 then return wanted end
  return math.max(0, math.floor((supply.clock_us + supply.burst_us - supply.next_us) / supply.interval_us) + 1)
end

local function permit_ms(supply)
  if supply.interval_us == 0 then return 0 end
  return math.ceil((supply.next_us - supply.clock_us - supply.burst_us) / 1000)
end

local function keep_supply(supply)
  redis.call('HSET', supply.service, 'next_us', whole(supply.next_us))
  for priority, places in pairs(supply.places) do redis.call('HINCRBY', supply.service, 'booked.' .. priority, whole(-places)) end
  if supply.firsts > 0 then earn_retries(supply.service, supply.firsts) end
end

-- The call is in flight from here on, under the name of `entry`, or where the breaker is open to be ended without being called.
-- `by`: the process that makes it. Returns what that has to know; see take.lua.
local function hand_out(supply, lane, entry, queued_ms, job, plan, call, by)
  local open = supply.open_ms > 0
  put(job, call.name .. '.status', 'running')
  put(job, call.name .. '.entry', entry)
  if open or job[call.name .. '.barred'] then put(job, call.name .. '.barred', open and 1 or 0) end
  if not open then
    put(job, call.name .. '.attempts', whole((job[call.name .. '.attempts'] or 0) + 1))
    supply.next_us = supply.next_us + supply.interval_us
    if job[call.name .. '.attempts'] == '1' then supply.firsts = supply.firsts + 1 end
  end
  tell(job, (open and 'barred ' or 'taken ') .. call.name .. ' ' .. by .. ' ' .. (job[call.name .. '.attempts'] or '0') .. ' ' .. whole(queued_ms))
  if not synchronous(job, call) then supply.places[job.priority] = (supply.places[job.priority] or 0) + 1 end
  if job.status == 'queued' then
    put(job, 'status', 'running')
    put(job, 'started', now_text)
  end
  save(job)
  local done = false
  for _, each in ipairs(plan.calls) do done = done or GOOD[job[each.name .. '.status']] end
  return {
    lane, entry, queued_ms, call.undoes and 0 or job.deadline - now, call.name,
    tonumber(job[call.name .. '.attempts'] or 0), tonumber(job[call.name .. '.spared'] or 0), job[call.name .. '.effect'] or '',
    job.parameters, job.id, job.operation, job.priority, job.mode, job.traceparent or '', job.tracestate or '',
    done and redis.call('HGETALL', cell .. 'outcomes:' .. job.id) or {}, open and 1 or 0,
  }
end
