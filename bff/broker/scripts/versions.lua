-- The versions of many jobs.
-- KEYS  <cell>job:<id>, one for each
-- Returns {version | nil, …} in the same order    nil: no such job
local versions = {}
for i = 1, #KEYS do versions[i] = redis.call('HGET', KEYS[i], 'version') end
return versions
