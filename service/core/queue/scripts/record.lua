-- ARGV[4]: attempt, ARGV[5]: event type, ARGV[6]: its data as JSON. Returns 1, or 0 when refused.
if not holds(ARGV[4]) then
  return 0
end
local type, data = ARGV[5], ARGV[6]
if type == 'progress' then
  local newest = redis.call('XREVRANGE', keys.events(job), '+', '-', 'COUNT', 1)[1]
  local after = newest and newest[1] or '0-0'
  redis.call('HSET', task_key(task), 'progress', data, 'progress_after', after, 'progress_at', now())
  redis.call('ZADD', keys.progressed(job), redis.call('HINCRBY', job_key, 'progressed', 1), task)
elseif (type == 'log' or type == 'metric') and redis.call('XLEN', keys.events(job)) >= tonumber(kept) then
  if redis.call('HSETNX', job_key, 'full', 1) == 1 then
    emit('', 'log', cjson.encode({ level = 'warning', message = 'The history of this job has ' .. kept .. ' events: from '
      .. 'here on it keeps no logs and metrics, and of states and rows the newest ' .. 2 * kept .. '.' }))
  end
else
  emit(task, type, data)
end
return 1
