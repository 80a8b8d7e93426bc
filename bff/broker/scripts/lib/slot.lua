-- A slot of a service is a pending entry of one of its lanes: giving one back, and letting all rest.
--#include later
local GROUP = 'workers'

-- After a failover that lost the take of an entry, who took it tells of one that here is unread: it stays for the next take.
local function release(lane, entry)
  if redis.call('XACK', lane, GROUP, entry) == 1 then remove('XDEL', lane, entry) end
end

-- Nobody is to call the service for so long: it asked for that.
local function pause(service, pause_ms)
  if tonumber(pause_ms) == 0 then return end
  local until_ms = math.max(now + pause_ms, tonumber(redis.call('HGET', service, 'paused_until') or 0))
  redis.call('HSET', service, 'paused_until', until_ms)
end
