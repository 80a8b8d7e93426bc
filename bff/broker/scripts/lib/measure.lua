-- What a call took is noted of its service, for admission: a moving average of the last 16 calls or so; and what 95 of 100 calls do
-- not exceed, found by steps of which 19 go down for each that goes up (Robbins and Monro, "A Stochastic Approximation Method", 1951).
--#include later
--#include timing
local function write_timing(read)
  redis.call('HSET', read.service, 'service_us', whole(read[5]), 'slow_us', whole(read[2]), 'timed_at', whole(read[3]))
end

local function note_time(service, took_us)
  local read = timing_of(service)
  local slow_us = tonumber(read[2] and now - read[3] <= FRESH_MS and read[2] or read[1])
  read.service, read[3] = service, now
  read[2] = math.floor(took_us > slow_us and slow_us + slow_us * 19 / 400 or math.max(1000, slow_us - slow_us / 400))
  read[5] = math.floor((read[5] * 15 + took_us) / 16)
  for _, plan in pairs(plans) do plan.rests = nil end -- which were worked out with what was measured before
  later(read, write_timing)
end
