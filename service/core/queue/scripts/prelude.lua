-- Stands before every script of a job. ARGV[1]: events above which logs are not kept, ARGV[2]: job, ARGV[3]: task or ''; the rest is the script's own.
-- Keys are built from the job's id instead of being passed in KEYS: Redis Cluster is not supported (nor is it by Celery).
local kept, job, task = ARGV[1], ARGV[2], ARGV[3]
local job_key = keys.job(job)

local function task_key(name)
  return keys.task(job, name)
end

local function member(name)
  return job .. ' ' .. name
end

local function task_names()
  return redis.call('LRANGE', keys.job_tasks(job), 0, -1)
end

local function state_of(name)
  return redis.call('HGET', task_key(name), 'state')
end

-- Milliseconds since 1970 by the server's clock, so that leases do not depend on the clocks of workers.
local function now()
  local time = redis.call('TIME')
  return string.format('%d%03d', time[1], math.floor(time[2] / 1000))
end

-- The owner of the job; jobs older than tenants are of `default`.
local owner
local function tenant()
  owner = owner or redis.call('HGET', job_key, 'tenant') or 'default'
  return owner
end

local function emit(name, type, data)
  redis.call('XADD', keys.events(job), 'MAXLEN', '~', 2 * kept, '*', 'type', type, 'task', name, 'data', data)
end

-- Enters a state in the record of a job or task. `followers` is generated from TRANSITIONS of states.py.
local function step(key, state)
  local before = redis.call('HGET', key, 'state')
  if not (before and followers[before][state]) then
    error(key .. ' does not go from ' .. tostring(before) .. ' to ' .. state)
  end
  redis.call('HSET', key, 'state', state)
end

local function is_final(state)
  return not next(followers[state])
end

-- `details`: further JSON members, each with its leading comma. (cjson would turn an empty list into an object.)
local function enter(name, state, details)
  step(task_key(name), state)
  emit(name, 'state', '{"state":"' .. state .. '"' .. details .. '}')
end

local function enter_job(state, details)
  step(job_key, state)
  list(job_key, keys.JOBS, tenant())
  redis.call('SREM', keys.queued_jobs(tenant()), job)
  redis.call('ZREM', keys.DEADLINES, job)
  if state == 'running' then
    redis.call('HSET', job_key, 'started', now())
  elseif is_final(state) then
    redis.call('HSET', job_key, 'finished', now())
    redis.call('SADD', keys.OUTBOX, 'close ' .. job)
  end
  emit('', 'state', '{"state":"' .. state .. '"' .. details .. '}')
end

local function queue_of(name)
  return redis.call('HGET', task_key(name), 'queue')
end

-- Ready tasks stand in a line of their tenant's, one for each queue, by the priority of their job; see turn.lua for who
-- is next. `first`: before all others of that priority. More than 10^12 tasks will never have become ready.
local function make_ready(name, first)
  local queue = queue_of(name)
  local place = first and 0 or redis.call('INCR', keys.READIED)
  place = place - 1e12 * (redis.call('HGET', job_key, 'priority') or 0)
  redis.call('ZADD', keys.READY, 0, member(name))
  redis.call('ZADD', keys.ready_line(queue, tenant()), string.format('%.0f', place), member(name))
  redis.call('SADD', keys.ready_tenants(queue), tenant())
end

local function take_out(name)
  redis.call('ZREM', keys.READY, member(name))
  redis.call('ZREM', keys.ready_line(queue_of(name), tenant()), member(name))
end

-- Has other jobs find the result of a task that has succeeded, where its digest says of what it is.
local function note_computed(name)
  local digest = redis.call('HGET', task_key(name), 'digest')
  if digest then
    redis.call('ZADD', keys.computed(digest), 0, member(name))
  end
end

-- Whether this attempt still has the lease. Each claim has a number of its own.
local function holds(attempt)
  local state, current = unpack(redis.call('HMGET', task_key(task), 'state', 'attempt'))
  return (state == 'running' or state == 'canceling') and current == attempt
end

-- No task of the job starts any more, and those that run are asked to stop. Returns whether any still runs.
local function stop_tasks()
  local running = false
  for _, name in ipairs(task_names()) do
    local state = state_of(name)
    if state == 'queued' then
      take_out(name)
      enter(name, 'canceled', '')
    elseif state == 'running' then
      enter(name, 'canceling', '')
    end
    running = running or state == 'running' or state == 'canceling'
  end
  return running
end
