-- ARGV[4]: worker, ARGV[5]: lease in milliseconds, ARGV[6]: tasks of a tenant that may run at a time, '' for any number.
-- ARGV[7]: any text that is this claim's alone. ARGV[8]: the highest protocol that the worker knows.
-- Returns the attempt's number, or 0 when there is nothing to take.
local key = task_key(task)
local state, waiting, claim, current = unpack(redis.call('HMGET', key, 'state', 'waiting', 'claim', 'attempt'))
if claim == ARGV[7] and holds(current) then
  -- Sent again because the answer was cut off.
  return tonumber(current)
end
if tonumber(redis.call('HGET', key, 'protocol') or 1) > tonumber(ARGV[8]) then
  return 0
end
local job_state = redis.call('HGET', job_key, 'state')
if state ~= 'queued' or waiting ~= '0' or not (job_state == 'queued' or job_state == 'running') then
  return 0
end
local deadline = job_state == 'queued' and redis.call('HGET', job_key, 'deadline')
if deadline and tonumber(deadline) <= tonumber(now()) then
  -- The reaper has not come by yet.
  stop_tasks()
  enter_job('expired', '')
  return 0
end
local worker = ARGV[4]
if leaves(key, queue_of(task), worker) or is_being_made(key, member(task)) then
  return 0
end
local running, limit = keys.running_tasks(tenant()), tonumber(ARGV[6])
if limit and redis.call('SCARD', running) >= limit then
  return 0
end
local attempt = redis.call('HINCRBY', key, 'attempt', 1)
redis.call('HSET', key, 'claim', ARGV[7], 'worker:' .. attempt, worker, 'start:' .. attempt, now())
redis.call('HDEL', key, 'progress')
local making = maker_of(key)
if making then
  redis.call('SET', making, member(task))
end
take_out(task)
redis.call('SADD', running, member(task))
redis.call('HSET', keys.TURNS, tenant(), redis.call('INCR', keys.TURN))
redis.call('ZADD', keys.LEASES, now() + ARGV[5], member(task))
if job_state == 'queued' then
  enter_job('running', '')
end
enter(task, 'running', ',"attempt":' .. attempt .. ',"worker":' .. cjson.encode(worker))
return attempt
