-- Read the clock.

return digits(now)
