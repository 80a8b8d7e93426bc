-- Entries that nobody will finish: idle for the call's timeout and a second, so that the call is over for certain. Their slot is
-- given back; the call goes back into its lane, its effect unknown, and whoever takes it decides whether it may run again.
-- KEYS  <cell>service:<name> HASH, <cell>lane:<name>:high, …:normal, …:low   STREAM
-- ARGV  limit per lane
-- Returns {how many, ended}
--#include job
--#include graph
--#include admission
--#include lane
local idle_ms = redis.call('HGET', KEYS[1], 'timeout_ms')
if not idle_ms then return { 0, ended } end
local count = 0
for i = 1, 3 do
  for _, held in ipairs(redis.call('XPENDING', KEYS[i + 1], GROUP, 'IDLE', idle_ms + 1000, '-', '+', ARGV[1])) do
    local entry = redis.call('XRANGE', KEYS[i + 1], held[1], held[1])[1]
    local job, name
    if entry then
      job, name = fields_of(entry)
      job = load(job)
    end
    release(KEYS[i + 1], held[1])
    count = count + 1
    if job and job[name .. '.entry'] == held[1] then
      local plan = plan_of(job)
      local call = plan.by_name[name]
      put(job, name .. '.entry', '')
      put(job, name .. '.effect', 1)
      if TERMINAL[job.status] and not call.undoes then
        compensate(job, plan)
      else
        book(job, call, 1)
        enter_lane(job, call)
      end
      save(job)
    end
  end
end
return { count, ended }
