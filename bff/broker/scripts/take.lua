-- Take up to n live entries of a service, what was begun before first, then lanes by weight: never more in flight than its slots,
-- none sooner than its rate allows. What is too late is expired on the way, what was cancelled is dropped.
-- KEYS  <cell>service:<name> HASH, <cell>lane:<name>:high, …:normal, …:low, …:again   STREAM
-- ARGV  name, consumer, n
-- Returns {unconfigured} | {taken | idle | full | limited, again_ms, last entry id of each lane, entries, ended, now_ms}
--   idle: nothing waits; the next one comes in behind the last ids. full: no slot is free; ask again when one is, or in again_ms.
--   limited: its rate, its rest or its breaker allows no more, whatever is free; ask again in again_ms.
--   entry: lane, entry id, queued_ms, remaining_ms, call, attempts, spared, effect, parameters, id, operation,
--     priority, mode, traceparent, tracestate, outcomes (flat), barred
--   barred (0 | 1): the breaker is open; not to be called, but ended by what there is to fall back on
--#include job
--#include graph
--#include weights
--#include lane
--#include supply
local service, consumer, wanted = ARGV[1], ARGV[2], tonumber(ARGV[3])
local DROPS = 200 -- entries let go of in one call, so that the script stays short
local lanes = { KEYS[2], KEYS[3], KEYS[4], KEYS[5] }
local AGAIN = 4
local supply = supply_of(KEYS[1])
if not supply then return { 'unconfigured' } end
local counts, in_flight = {}, redis.call('ZCARD', cell .. 'sync:' .. service)
for i = 1, 4 do
  local held = pending(lanes[i])
  counts[i] = redis.call('XLEN', lanes[i]) - held
  in_flight = in_flight + held
end
local owed = redis.call('HMGET', KEYS[1], 'owed.high', 'owed.normal', 'owed.low')
for i = 1, 3 do owed[i] = tonumber(owed[i] or 0) end
local entries, dropped, last = {}, 0, {}

-- Smooth weighted round robin over the lanes that hold something; what a lane is owed is remembered between calls.
local function shares(n)
  local share = { 0, 0, 0 }
  for _ = 1, n do
    local best, sum = nil, 0
    for i = 1, 3 do
      if counts[i] > share[i] then
        owed[i] = owed[i] + WEIGHTS[PRIORITIES[i]]
        sum = sum + WEIGHTS[PRIORITIES[i]]
        if not best or owed[i] > owed[best] then best = i end
      end
    end
    if not best then break end
    owed[best] = owed[best] - sum
    share[best] = share[best] + 1
  end
  return share
end

-- How many at a lane's head can do without an answer of the service.
local function yielding(lane, most)
  local count = 0
  for _, entry in ipairs(most > 0 and unread(lane, most) or {}) do
    local job, _, call = stands_for(entry, true)
    if of_use(job, call) and (call.undoes or call.required and not call.fallback and not call.cached) then break end
    count = count + 1
  end
  return count
end

local function read(i, count)
  local reply = count > 0
    and redis.call('XREADGROUP', 'GROUP', GROUP, consumer, 'COUNT', count, 'STREAMS', lanes[i], '>')
  local got = reply and reply[1] and reply[1][2] or {}
  counts[i] = #got < count and 0 or counts[i] - #got
  if #got > 0 then
    redis.call('HINCRBY', KEYS[1], 'left.' .. LANES[i], whole(#got))
    last[i] = got[#got][1]
  end
  for _, entry in ipairs(got) do
    local job, plan, call, starts_by = stands_for(entry)
    if drop(lanes[i], entry, job, plan, call, starts_by) then
      dropped = dropped + 1
    else
      entries[#entries + 1] = hand_out(supply, lanes[i], entry[1], now - entry[1]:match('^%d+'), job, plan, call, consumer)
    end
  end
end

if supply.open_ms > 0 then
  for i = 1, 4 do
    if counts[i] > 0 then read(i, yielding(lanes[i], wanted - #entries)) end
  end
else
  while supply.paused_ms == 0 and dropped < DROPS do
    local room = math.min(wanted - #entries, supply.slots - in_flight - #entries, permits(supply, wanted))
    local before = #entries + dropped
    local again = math.min(room, counts[AGAIN])
    if supply.half_open and counts[1] + counts[2] + counts[3] > 0 then -- one probe of it: undoing may fail where calling would not
      again = math.min(again, 1 - math.min(1, in_flight + #entries))
    end
    if again > 0 then
      read(AGAIN, again)
    else
      local share = shares(room)
      for i = 1, 3 do read(i, share[i]) end
    end
    if #entries + dropped == before then break end
  end
end
if #entries + dropped > 0 then -- else nothing changed, and an idle consumer writes nothing
  redis.call('HSET', KEYS[1], 'owed.high', whole(owed[1]), 'owed.normal', whole(owed[2]), 'owed.low', whole(owed[3]))
  keep_supply(supply)
end

local word, again_ms = 'taken', 0
if counts[1] + counts[2] + counts[3] + counts[AGAIN] == 0 then
  word = 'idle'
  for i = 1, 4 do
    local info = last[i] and {} or redis.call('XINFO', 'STREAM', lanes[i])
    for f = 1, #info, 2 do if info[f] == 'last-generated-id' then last[i] = info[f + 1] end end
  end
elseif #entries < wanted then
  again_ms = math.min(1000, math.max(supply.open_ms, supply.paused_ms, permit_ms(supply))) -- a pause can be lifted by hand
  word = again_ms > 0 and 'limited' or 'full'
  if word == 'full' and supply.slots - in_flight - #entries <= 0 then again_ms = supply.look_again_ms end
end
return { word, again_ms, last, entries, ended, now }
