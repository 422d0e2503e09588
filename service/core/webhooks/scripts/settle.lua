-- The end of an attempt. ARGV: tenant, webhook, message, number of the attempt, state of the message, milliseconds until
-- the next attempt of one that is pending, JSON of the attempt, how many attempts and how many messages are kept, '1'
-- where the webhook answered as it should.
-- Returns false where the attempt, or the message, is another's or gone; else since when the webhook fails, 0: it does not.
local tenant, hook, message, number, state, pause, attempt, attempts_kept, kept, well = unpack(ARGV)
local key, line = keys.webhook_message(hook, message), keys.webhook_line(hook)
if redis.call('HGET', key, 'number') ~= number then
  return false
end
redis.call('HSET', key, 'state', state, 'attempt:' .. number, attempt)
redis.call('HDEL', key, 'attempt:' .. (tonumber(number) - tonumber(attempts_kept)))
if state == 'pending' then
  redis.call('HSET', key, 'due', now() + tonumber(pause))
  redis.call('ZADD', line, now() + tonumber(pause), message)
else
  redis.call('HDEL', key, 'due')
  redis.call('ZREM', line, message)
  trim(hook, tonumber(kept))
end
redis.call('DEL', keys.webhook_held(hook))
local _, due = unpack(redis.call('ZRANGE', line, 0, 0, 'WITHSCORES'))
if due then
  -- Behind the webhooks whose turn has come meanwhile.
  redis.call('ZADD', keys.WEBHOOK_TURNS, math.max(tonumber(due), now()), tenant .. ' ' .. hook)
else
  redis.call('ZREM', keys.WEBHOOK_TURNS, tenant .. ' ' .. hook)
end
if well == '1' then
  redis.call('DEL', keys.webhook_failing(hook))
  return 0
end
redis.call('SETNX', keys.webhook_failing(hook), now())
return tonumber(redis.call('GET', keys.webhook_failing(hook)))
