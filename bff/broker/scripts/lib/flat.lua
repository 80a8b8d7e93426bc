-- All that is known of a job: name, value, name, value …
local function flat_of(job)
  local flat = {}
  for field, value in pairs(job) do
    if type(value) == 'string' then
      flat[#flat + 1] = field
      flat[#flat + 1] = value
    end
  end
  return flat
end
