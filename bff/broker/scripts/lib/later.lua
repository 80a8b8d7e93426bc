-- What each run of a batch would write alike, and none of them reads, is written once, behind the last: see finish.lua.
local noted -- in such a batch: what is to be written, and the function that does, in turns
local function later(what, write)
  if not noted then return write(what) end
  if what.noted then return end
  what.noted = true
  noted[#noted + 1] = what
  noted[#noted + 1] = write
end

-- XDEL or ZREM: one for all that are to go from a key.
local removals = {}
local function run_removal(removal) redis.call(unpack(removal)) end

local function remove(name, key, member)
  if not noted then return redis.call(name, key, member) end
  local removal = removals[key] or { name, key }
  removals[key] = removal
  removal[#removal + 1] = member
  later(removal, run_removal)
end

-- HINCRBY: one for all that are counted in a field. `last`, if any: when its key is to expire, which the first of them makes.
local counts = {}
local function run_count(sum)
  local first = redis.call('HINCRBY', sum.key, sum.field, whole(sum.by)) == sum.by
  if first and sum.last then redis.call('PEXPIREAT', sum.key, sum.last) end
end

local function count(key, field, by, last)
  local name = key .. field
  local sum = noted and counts[name] or { key = key, field = field, by = 0, last = last }
  if noted then counts[name] = sum end
  sum.by = sum.by + by
  later(sum, run_count)
end
