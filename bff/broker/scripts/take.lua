-- Take up to n live entries of a service, what was begun before first, then lanes by weight: never more in flight than its slots,
-- none sooner than its rate allows. What is too late is expired on the way, what was cancelled is dropped.
-- KEYS  <cell>service:<name> HASH, <cell>lane:<name>:high, …:normal, …:low, …:again   STREAM
-- ARGV  name, consumer, n
-- Returns {unconfigured} | {taken | idle | limited, again_ms, last entry id of each lane, entries, ended}
--   idle: nothing waits; the next one comes in behind the last ids. limited: no slot or no permit; ask again in again_ms.
--   entry: lane, entry id, queued_ms, remaining_ms, call, attempts, spared, effect, parameters, job fields (flat), outcomes (flat), barred
--   barred (0 | 1): the breaker is open; not to be called, but ended by what there is to fall back on
--#include job
--#include graph
--#include breaker
--#include admission
--#include lane
--#include budget
local service, consumer, wanted = ARGV[1], ARGV[2], tonumber(ARGV[3])
local DROPS = 200 -- entries let go of in one call, so that the script stays short
local lanes = { KEYS[2], KEYS[3], KEYS[4], KEYS[5] }
local AGAIN = 4
local set = redis.call('HMGET', KEYS[1], 'max_concurrency', 'interval_us', 'burst_us', 'next_us', 'paused_until', 'service_us',
  'breaker.open_until', 'breaker.forced', 'held_until')
if not set[1] then return { 'unconfigured' } end
local interval_us, burst_us = tonumber(set[2]), tonumber(set[3])
local slots, open_ms = breaker_allows(set[7], tonumber(set[1]), set[8])
local half_open = slots > 0 and tonumber(set[7] or 0) > 0
local paused_ms = math.max(rests_ms(set[5]), (held_ms(set[9])))
local clock_us = clock[1] * 1000000 + clock[2]
-- GCRA: the theoretical arrival time of the next call. No further ahead than it can be, should the clock have been set back.
local next_us = math.min(math.max(tonumber(set[4] or 0), clock_us), clock_us + burst_us + interval_us)
local counts, in_flight = {}, 0
for i = 1, 4 do
  local held = pending(lanes[i])
  counts[i] = redis.call('XLEN', lanes[i]) - held
  in_flight = in_flight + held
end
local owed = redis.call('HMGET', KEYS[1], 'owed.high', 'owed.normal', 'owed.low')
for i = 1, 3 do owed[i] = tonumber(owed[i] or 0) end
local entries, dropped, firsts = {}, 0, 0

local function permits()
  if interval_us == 0 then return wanted end
  return math.max(0, math.floor((clock_us + burst_us - next_us) / interval_us) + 1)
end

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
    local job, _, call = stands_for(entry)
    if of_use(job, call) and (call.undoes or call.required and not call.fallback and not call.cached) then break end
    count = count + 1
  end
  return count
end

local function start(lane, entry, job, call)
  put(job, call.name .. '.status', 'running')
  put(job, call.name .. '.entry', entry)
  if open_ms > 0 or job[call.name .. '.barred'] then put(job, call.name .. '.barred', open_ms > 0 and 1 or 0) end
  if open_ms == 0 then
    put(job, call.name .. '.attempts', (job[call.name .. '.attempts'] or 0) + 1)
    next_us = next_us + interval_us
    if job[call.name .. '.attempts'] == '1' then firsts = firsts + 1 end
  end
  local queued_ms, attempt = now - entry:match('^%d+'), job[call.name .. '.attempts'] or 0
  tell(job, open_ms > 0 and 'barred' or 'taken', call.name, consumer, attempt, queued_ms)
  book(job, call, -1)
  if job.status == 'queued' then
    put(job, 'status', 'running')
    put(job, 'started', now)
  end
  save(job)
  local flat = {}
  for field, value in pairs(job) do
    if type(value) == 'string' and not field:find('.', 1, true) then
      flat[#flat + 1] = field
      flat[#flat + 1] = value
    end
  end
  return {
    lane, entry, queued_ms, call.undoes and 0 or job.deadline - now, call.name,
    tonumber(job[call.name .. '.attempts'] or 0), tonumber(job[call.name .. '.spared'] or 0), job[call.name .. '.effect'] or '',
    redis.call('GET', cell .. 'parameters:' .. job.id), flat, redis.call('HGETALL', cell .. 'outcomes:' .. job.id),
    open_ms > 0 and 1 or 0,
  }
end

local function read(i, count)
  local reply = count > 0
    and redis.call('XREADGROUP', 'GROUP', GROUP, consumer, 'COUNT', count, 'STREAMS', lanes[i], '>')
  local got = reply and reply[1] and reply[1][2] or {}
  counts[i] = #got < count and 0 or counts[i] - #got
  if #got > 0 then redis.call('HINCRBY', KEYS[1], 'left.' .. LANES[i], #got) end
  for _, entry in ipairs(got) do
    local job, plan, call, starts_by = stands_for(entry)
    if drop(lanes[i], entry, job, plan, call, starts_by) then
      dropped = dropped + 1
    else
      entries[#entries + 1] = start(lanes[i], entry[1], job, call)
    end
  end
end

if open_ms > 0 then
  for i = 1, 4 do
    if counts[i] > 0 then read(i, yielding(lanes[i], wanted - #entries)) end
  end
else
  while paused_ms == 0 and dropped < DROPS do
    local room = math.min(wanted - #entries, slots - in_flight - #entries, permits())
    local before = #entries + dropped
    local again = math.min(room, counts[AGAIN])
    if half_open and counts[1] + counts[2] + counts[3] > 0 then -- one probe of it: undoing may fail where calling would not
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
  redis.call('HSET', KEYS[1], 'next_us', string.format('%.0f', next_us),
    'owed.high', owed[1], 'owed.normal', owed[2], 'owed.low', owed[3])
  if firsts > 0 then earn_retries(KEYS[1], firsts) end
end

local word, again_ms, last = 'taken', 0, {}
if counts[1] + counts[2] + counts[3] + counts[AGAIN] == 0 then
  word = 'idle'
  for i = 1, 4 do
    local info = redis.call('XINFO', 'STREAM', lanes[i])
    for f = 1, #info, 2 do if info[f] == 'last-generated-id' then last[i] = info[f + 1] end end
  end
elseif #entries < wanted then
  word = 'limited'
  local permit_ms = interval_us == 0 and 0 or math.ceil((next_us - clock_us - burst_us) / 1000)
  local slot_ms = slots - in_flight - #entries > 0 and 0 or math.min(250, math.max(5, math.floor(set[6] / 4000)))
  again_ms = math.min(1000, math.max(open_ms, paused_ms, permit_ms, slot_ms)) -- a pause can be lifted by hand
end
return { word, again_ms, last, entries, ended }
