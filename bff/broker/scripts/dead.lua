-- How many lie among the dead letters, by service; the newest so many are looked at.
-- KEYS  <cell>dead   STREAM
-- ARGV  limit, at_once (letters may be large)
-- Returns {service, count, …}
local counts, last, left = {}, '+', tonumber(ARGV[1])
while left > 0 do
  local letters = redis.call('XREVRANGE', KEYS[1], last, '-', 'COUNT', math.min(left, ARGV[2]))
  for _, letter in ipairs(letters) do
    for i = 1, #letter[2], 2 do
      local service = letter[2][i + 1]
      if letter[2][i] == 'service' then counts[service] = (counts[service] or 0) + 1 end
    end
  end
  left = #letters < tonumber(ARGV[2]) and 0 or left - #letters
  if #letters > 0 then last = '(' .. letters[#letters][1] end
end
local flat = {}
for service, count in pairs(counts) do
  flat[#flat + 1] = service
  flat[#flat + 1] = count
end
return flat
