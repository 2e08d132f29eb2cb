-- Read the names of all queues that have a shard.

return call('SMEMBERS', T .. ':queues')
