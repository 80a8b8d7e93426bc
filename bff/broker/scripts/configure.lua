-- Lay down what scripts need to know of the catalog, and the lanes. Repeatable; the last process to start decides.
-- KEYS[1]  <cell>settings   HASH
-- ARGV     settings JSON {field: value}, services JSON {name: {field: value}}, plans JSON {digest: document}
-- Returns  configured
local cell = KEYS[1]:match('^.-}:')
for field, value in pairs(cjson.decode(ARGV[1])) do redis.call('HSET', KEYS[1], field, value) end
for name, fields in pairs(cjson.decode(ARGV[2])) do
  local service = cell .. 'service:' .. name
  for field, value in pairs(fields) do redis.call('HSET', service, field, value) end
  redis.call('HSET', service, 'kept_as', 'a table: this is too long for Redis to keep it in a list, and look through all for each')
  redis.call('HSETNX', service, 'service_us', fields.expected_us)
  for _, lane in ipairs({ 'high', 'normal', 'low', 'again' }) do
    lane = cell .. 'lane:' .. name .. ':' .. lane
    redis.pcall('XGROUP', 'CREATE', lane, 'workers', '0', 'MKSTREAM') -- an error says that it is there
  end
end
for digest, document in pairs(cjson.decode(ARGV[3])) do redis.call('SET', cell .. 'plan:' .. digest, document) end
return 'configured'
