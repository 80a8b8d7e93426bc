-- Many runs of one script, one after the other, each as if it were alone: an error of one is its own reply, and ends no other.
-- KEYS  those of all runs, one after the other
-- ARGV  how many runs, for each how many keys and how many arguments, then the arguments of all, one after the other
-- Returns the reply of each
local replies, keys_before, arguments_before = {}, 0, 1 + 2 * ARGV[1]
for i = 1, tonumber(ARGV[1]) do
  local keys_end, arguments_end = keys_before + ARGV[2 * i], arguments_before + ARGV[2 * i + 1]
  ended = {}
  local well, reply = pcall(run, { unpack(KEYS, keys_before + 1, keys_end) }, { unpack(ARGV, arguments_before + 1, arguments_end) })
  -- Redis 7 begins what went wrong with a code; before that a place in the script stands there.
  replies[i] = well and reply or { err = tostring(reply):match('^%u+ .*') or 'ERR ' .. tostring(reply) }
  keys_before, arguments_before = keys_end, arguments_end
end
for i = 1, #(noted or {}), 2 do noted[i + 1](noted[i]) end
return replies
