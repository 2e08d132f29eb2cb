-- Read how many there are: "state:queue" and a number, in turn.

return call('HGETALL', T .. ':counts')
