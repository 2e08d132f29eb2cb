-- What hardly ever changes of a job, in the order of `packing.py`; most jobs have no more than the first fifteen
-- values.

-- Write a spec anew, with what has changed. 220, 0, 19: an array of nineteen.
local function pack_spec(spec)
  spec[18] = spec[18] or 'final'
  return '\220\0\19' .. cmsgpack.pack(unpack(spec, 1, 19))
end
