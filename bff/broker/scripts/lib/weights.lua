-- What a lane is served by, beside the others.
local WEIGHTS = { high = 8, normal = 3, low = 1 }
local ALL_WEIGHTS = 12
