-- The retry budget of a service: each first attempt earns a tenth of a retry, and so does each tenth of a second, so that a
-- service with little to do gets retries too. What is not used adds up to ten. So retries cannot multiply an overload.
--   <cell>service:<name>  HASH  retry_tokens (thousandths of a retry) retry_at (ms, when that was counted)
local PER_FIRST_ATTEMPT, PER_RETRY, MOST = 100, 1000, 10000

local function retry_tokens(service)
  local read = redis.call('HMGET', service, 'retry_tokens', 'retry_at')
  if not read[1] then return MOST end
  return math.min(MOST, read[1] + math.max(0, now - read[2]))
end

local function set_retry_tokens(service, tokens) redis.call('HSET', service, 'retry_tokens', whole(tokens), 'retry_at', now_text) end

local function earn_retries(service, first_attempts)
  set_retry_tokens(service, math.min(MOST, retry_tokens(service) + first_attempts * PER_FIRST_ATTEMPT))
end

local function spend_retry(service)
  local tokens = retry_tokens(service)
  if tokens < PER_RETRY then return false end
  set_retry_tokens(service, tokens - PER_RETRY)
  return true
end
