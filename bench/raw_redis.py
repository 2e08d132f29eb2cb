"""The raw loop on Redis: a sorted set, a key a job, one script that adds and one that settles and claims."""

import os
import time
from urllib.parse import urlsplit

from redis.asyncio import Redis

from bench.rounds import Rate

ADD = """
local pairs, members = {}, {}
for i = 1, #ARGV, 2 do
  pairs[i], pairs[i + 1] = 'raw:job:' .. ARGV[i], ARGV[i + 1]
  members[i], members[i + 1] = redis.call('INCR', 'raw:seq'), ARGV[i]
end
redis.call('MSET', unpack(pairs))
redis.call('ZADD', 'raw:ready', unpack(members))
"""
CYCLE = """
local want, done = tonumber(ARGV[1]), {}
for i = 2, #ARGV, 2 do done[#done + 1] = ARGV[i] end
if #done > 0 then
  local mine = redis.call('HMGET', 'raw:run', unpack(done))
  for i, id in ipairs(done) do
    if mine[i] then redis.call('SET', 'raw:life:' .. id, ARGV[2 * i + 1], 'EX', 3600) end
  end
  redis.call('HDEL', 'raw:run', unpack(done))
end
local popped, run, keys = redis.call('ZPOPMIN', 'raw:ready', want), {}, {}
if #popped == 0 then return {} end
for i = 1, #popped, 2 do
  run[i], run[i + 1], keys[#keys + 1] = popped[i], popped[i + 1], 'raw:job:' .. popped[i]
end
redis.call('HSET', 'raw:run', unpack(run))
return { popped, redis.call('MGET', unpack(keys)) }
"""


async def add(url: str, jobs: int, batch: int, args: str) -> Rate:
    """Time adding so many jobs, so many to a script."""
    async with _client(url) as client:
        await client.flushdb()
        return await Rate.over(jobs, lambda: _add(client, jobs, batch, args))


async def cycle(url: str, jobs: int, batch: int, args: str) -> Rate:
    """Time claiming and settling so many jobs, so many to a script."""
    async with _client(url) as client:
        await client.flushdb()
        await _add(client, jobs, batch, args)
        script = client.register_script(CYCLE)

        async def go() -> None:
            ended: list[bytes] = []
            while (rows := await script(args=[batch, *ended])) or ended:
                ended = [word for id in (rows[0][::2] if rows else ()) for word in (id, _ended())]

        return await Rate.over(jobs, go)


def _client(url: str) -> Redis:
    return Redis.from_url(urlsplit(url)._replace(query="").geturl())


async def _add(client: Redis, jobs: int, batch: int, args: str) -> None:
    script = client.register_script(ADD)
    for _ in range(0, jobs, batch):
        words: list[str] = []
        for _ in range(batch):
            words += [os.urandom(16).hex(), args]
        await script(args=words)


def _ended() -> bytes:
    return b"c%d 1 %d" % (time.time_ns() // 1_000_000, os.getpid())
