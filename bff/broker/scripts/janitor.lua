-- Forget the names of workers that are gone for long and hold nothing. DELCONSUMER would drop what one still holds.
-- A lane that is empty has no lag: a replica that was promoted has counted what was read too low (redis#12898, up to 7.2).
-- KEYS  <cell>lane:<name>:high, …:normal, …:low, …:again   STREAM
-- ARGV  idle_ms
-- Returns how many were forgotten
local forgotten = 0
for _, lane in ipairs(KEYS) do
  local known = redis.call('EXISTS', lane) == 1 and redis.call('XINFO', 'CONSUMERS', lane, 'workers') or {}
  if redis.call('EXISTS', lane) == 1 and redis.call('XLEN', lane) == 0 then
    redis.call('XGROUP', 'SETID', lane, 'workers', '$')
  end
  for _, flat in ipairs(known) do
    local consumer = {}
    for i = 1, #flat, 2 do consumer[flat[i]] = flat[i + 1] end
    if consumer.pending == 0 and consumer.idle > tonumber(ARGV[1]) then
      redis.call('XGROUP', 'DELCONSUMER', lane, 'workers', consumer.name)
      forgotten = forgotten + 1
    end
  end
end
return forgotten
