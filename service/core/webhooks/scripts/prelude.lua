-- Stands before every script of deliveries. Messages stand in a line for each webhook; webhooks take turns.

-- Milliseconds since 1970 by the server's clock.
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Puts a message into the line, to be sent at once. A webhook that is being called gets its turn when that has ended.
local function line_up(tenant, hook, message)
  redis.call('ZADD', keys.webhook_line(hook), now(), message)
  redis.call('HSET', keys.webhook_message(hook, message), 'state', 'pending', 'tries', 0, 'due', now())
  if redis.call('EXISTS', keys.webhook_held(hook)) == 0 then
    redis.call('ZADD', keys.WEBHOOK_TURNS, 'LT', now(), tenant .. ' ' .. hook)
  end
end

-- Forgets the oldest messages above so many, but none that is still to be sent. Few at a time: each new one comes by here.
local function trim(hook, kept)
  local log = keys.webhook_log(hook)
  local above = math.min(redis.call('ZCARD', log) - kept, 10)
  if above <= 0 then
    return
  end
  for _, message in ipairs(redis.call('ZRANGE', log, 0, above - 1)) do
    if redis.call('HGET', keys.webhook_message(hook, message), 'state') ~= 'pending' then
      redis.call('DEL', keys.webhook_message(hook, message))
      redis.call('ZREM', log, message)
    end
  end
end
