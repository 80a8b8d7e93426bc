-- A job as it stands, its outcomes, and what is ahead of it.
-- KEYS  <cell>job:<id>
-- ARGV  id
-- Returns {now_ms, job fields (flat), outcomes (flat), position, expected_ms}    position -1: nothing of it is queued
--#include job
--#include graph
--#include allowed
--#include admission
--#include flat
local job = load(ARGV[1])
if not job or job.expires and now >= tonumber(job.expires) and redis.call('EXISTS', cell .. 'parameters:' .. ARGV[1]) == 0 then
  return { now, {}, {}, -1, 0 } -- over; its hash may be here for a notification alone
end
local flat = flat_of(job)
local outcomes = redis.call('HGETALL', cell .. 'outcomes:' .. ARGV[1])
if TERMINAL[job.status] then return { now, flat, outcomes, -1, 0 } end
local position, expected_ms = -1, 0
local plan = plan_of(job)
for _, call in ipairs(plan.calls) do
  local status = job[call.name .. '.status']
  if status == 'queued' then
    local wait = 0
    if not synchronous(job, call) then
      local left = redis.call('HGET', cell .. 'service:' .. call.service, 'left.' .. job[call.name .. '.lane']) or 0
      local ahead = ahead_of(job, call, left)
      position = math.max(position, ahead)
      wait = wait_ms(lane_state(call.service, job.priority), job.priority, ahead)
    end
    expected_ms = math.max(expected_ms, wait + rest_ms(plan, call))
  elseif status == 'running' then
    expected_ms = math.max(expected_ms, rest_ms(plan, call))
  end
end
return { now, flat, outcomes, position, math.min(expected_ms, math.max(0, job.deadline - now)) }
