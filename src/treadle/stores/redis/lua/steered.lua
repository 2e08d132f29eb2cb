-- Read what is steered, as scripts know it; empty: nothing ever was.

return call('GET', T .. ':steer') or ''
