-- Lanes as streams: what is unread, and letting go of entries. Never XDEL an unread entry: it makes the group's lag unknown.
--#include slot
local LANES = { 'high', 'normal', 'low', 'again' } -- in the order of the keys

local function pending(lane) return redis.call('XPENDING', lane, GROUP)[1] end

-- The next ones that nobody has read, at most so many, without reading them.
local function unread(lane, most)
  local group = by_name(redis.call('XINFO', 'GROUPS', lane)[1])
  return redis.call('XRANGE', lane, '(' .. group['last-delivered-id'], '+', 'COUNT', most)
end

-- What an entry stands for: job, plan, call, start_by (ms, 0: none). Without a job where that is gone, or where the entry is
-- none of ours. `lean`: without the job's parameters, which may be a megabyte.
local function stands_for(entry, lean)
  local fields = entry[2] -- by their places: see enter_lane
  local job = fields[1] == 'job' and fields[3] == 'call' and load(fields[2], not lean)
  local plan = job and plan_of(job)
  local call = plan and plan.by_name[fields[4]]
  if call then return job, plan, call, tonumber(fields[6]) or 0 end
end

local function of_use(job, call) return job and job[call.name .. '.status'] == 'queued' end

local function too_late(starts_by) return starts_by > 0 and now > starts_by end

-- Whether an entry that was read must not run: its job has no use for it any more, or it is too late. Such a one is let go,
-- and what somebody else put into the lane is buried as it is.
local function drop(lane, entry, job, plan, call, starts_by)
  if of_use(job, call) and not too_late(starts_by) then return false end
  release(lane, entry[1])
  if of_use(job, call) then
    give_up(job, call, 'expired')
    advance(job, plan)
    save(job)
  elseif not (entry[2][1] == 'job' and entry[2][3] == 'call' and entry[2][5] == 'start_by') then
    redis.call('XADD', cell .. 'dead', '*', 'kind', 'entry', 'service', lane:match('lane:(.-):'), 'lane', lane,
      'fields', cjson.encode(entry[2]))
  end
  return true
end
