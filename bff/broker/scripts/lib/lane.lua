-- Lanes as streams: what is unread, and letting go of entries. Never XDEL an unread entry: it makes the group's lag unknown.
local GROUP = 'workers'

local function lane_key(service, priority) return cell .. 'lane:' .. service .. ':' .. priority end

local function pending(lane) return redis.call('XPENDING', lane, GROUP)[1] end

-- After a failover that lost the take of an entry, who took it tells of one that here is unread: it stays for the next take.
local function release(lane, entry)
  if redis.call('XACK', lane, GROUP, entry) == 1 then redis.call('XDEL', lane, entry) end
end

local function fields_of(entry)
  local fields = {}
  for i = 1, #entry[2], 2 do fields[entry[2][i]] = entry[2][i + 1] end
  return fields.job, fields.call, tonumber(fields.start_by)
end

-- Whether an entry that was read must not run: its job has no use for it any more, or it is too late. Such a one is let go.
local function drop(lane, id, job, plan, call, starts_by)
  if not job or job[call.name .. '.status'] ~= 'queued' then
    release(lane, id)
    return true
  end
  if starts_by > 0 and now > starts_by then
    release(lane, id)
    close(job, call, 'expired')
    advance(job, plan)
    save(job)
    return true
  end
end
