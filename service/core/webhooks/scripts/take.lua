-- Takes the next message of the webhook whose turn it is, for ARGV[1] milliseconds; after these it is another's to take.
-- Returns {tenant, webhook, message, number of the attempt, tries, body}, or false where nothing is due.
while true do
  local turn = redis.call('ZRANGEBYSCORE', keys.WEBHOOK_TURNS, '-inf', now(), 'LIMIT', 0, 1)[1]
  if not turn then
    return false
  end
  local tenant, hook = turn:match('^(%S+) (%S+)$')
  local line = keys.webhook_line(hook)
  local message, due = unpack(redis.call('ZRANGE', line, 0, 0, 'WITHSCORES'))
  if not message then
    redis.call('ZREM', keys.WEBHOOK_TURNS, turn)
  elseif tonumber(due) > now() then
    redis.call('ZADD', keys.WEBHOOK_TURNS, due, turn)
  else
    local ends = now() + tonumber(ARGV[1])
    redis.call('SET', keys.webhook_held(hook), 1, 'PX', ARGV[1])
    redis.call('ZADD', line, ends, message)
    redis.call('ZADD', keys.WEBHOOK_TURNS, ends, turn)
    local key = keys.webhook_message(hook, message)
    local number, tries = redis.call('HINCRBY', key, 'number', 1), redis.call('HINCRBY', key, 'tries', 1)
    return { tenant, hook, message, number, tries, redis.call('HGET', key, 'body') }
  end
end
