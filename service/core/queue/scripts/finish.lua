-- The end of an attempt. ARGV[4]: attempt, ARGV[5]: what happened, ARGV[6]: JSON of it, ARGV[7]: how many workers may
-- fail at the task, ARGV[8]: how often it may fail where no other worker is fit.
--   succeeded  JSON {result, job_result, summary, index: a manifest's or false, counted: {field: value}}
--   failed     JSON of the error; fails the job
--   retry      JSON of the error; fails the job unless attempts remain, or a worker that has not tried
--   lost       as retry, but holds only when the lease has run out; the attempt is not looked at
--   released   '' or JSON of the error that kept it from being done; given back, not counted
--   moved      the queue that it belongs to; given back to that one as if released, not counted
--   canceled   '' ; only after a request to cancel
-- Returns {'refused'}, or the state of the task followed by the names of the tasks that became ready.
local happened, text = ARGV[5], ARGV[6]
local key = task_key(task)

if happened == 'lost' then
  local lease = redis.call('ZSCORE', keys.LEASES, member(task))
  if not lease or tonumber(lease) > tonumber(now()) then
    return { 'refused' }
  end
elseif not holds(ARGV[4]) then
  return { 'refused' }
end

local function close_attempt(outcome, failure)
  local attempt = redis.call('HGET', key, 'attempt')
  redis.call('ZREM', keys.LEASES, member(task))
  redis.call('SREM', keys.running_tasks(tenant()), member(task))
  local making = maker_of(key)
  if making and redis.call('GET', making) == member(task) then
    redis.call('DEL', making)
    unpark(redis.call('HGET', key, 'makes'))
  end
  redis.call('HSET', key, 'end:' .. attempt, now(), 'outcome:' .. attempt, outcome)
  if failure ~= '' then
    redis.call('HSET', key, 'error:' .. attempt, failure)
  end
end

local function give_back(details)
  redis.call('HDEL', key, 'progress')
  enter(task, 'queued', details)
  -- A task that stopped with its worker, or was moved, goes on before anything new; one that failed, or met an
  -- outage, gives another worker time to come.
  make_ready(task, details == '' or happened == 'lost')
  return { 'queued', task }
end

if state_of(task) == 'canceling' then
  close_attempt(happened == 'lost' and 'lost' or 'canceled', '')
  enter(task, 'canceled', '')
  local running = false
  for _, name in ipairs(task_names()) do
    running = running or state_of(name) == 'canceling'
  end
  if not running and redis.call('HGET', job_key, 'state') == 'canceling' then
    enter_job('canceled', '')
  end
  return { 'canceled' }
end

if happened == 'canceled' then
  return { 'refused' }
end

if happened == 'moved' then
  redis.call('HSET', key, 'queue', text)
  close_attempt('released', '')
  return give_back('')
end

if happened == 'released' then
  close_attempt('released', text)
  return give_back(text == '' and '' or ',"error":' .. text)
end

if happened == 'succeeded' then
  local made = cjson.decode(text)
  close_attempt('succeeded', '')
  redis.call('HSET', key, 'result', made.result)
  store(key, made.counted)
  note_computed(task)
  if made.index then
    index(made.index)
  end
  enter(task, 'succeeded', '')
  local answer = { 'succeeded' }
  for _, name in ipairs(cjson.decode(redis.call('HGET', key, 'before'))) do
    if state_of(name) == 'queued' and redis.call('HINCRBY', task_key(name), 'waiting', -1) == 0 then
      make_ready(name)
      table.insert(answer, name)
    end
  end
  if redis.call('HINCRBY', job_key, 'unfinished', -1) == 0 then
    redis.call('HSET', job_key, 'result', made.job_result, 'summary', made.summary or '')
    enter_job('succeeded', '')
  end
  return answer
end

close_attempt(happened == 'lost' and 'lost' or 'failed', text)
local worker = redis.call('HGET', key, 'worker:' .. redis.call('HGET', key, 'attempt'))
local used_up = redis.call('HINCRBY', key, 'failures', 1) >= tonumber(ARGV[8])
local first = redis.call('HINCRBY', key, 'failures:' .. worker, 1) == 1
local workers = redis.call('HINCRBY', key, 'failed_on', first and 1 or 0)
local remains = workers < tonumber(ARGV[7]) and (not used_up or untried(key, queue_of(task), false))
if happened ~= 'failed' and remains then
  redis.call('HSET', key, 'used_up', used_up and '1' or '0')
  return give_back(',"error":' .. text)
end
enter(task, 'failed', ',"error":' .. text)
redis.call('HSET', job_key, 'error', text)
stop_tasks()
enter_job('failed', ',"error":' .. text)
return { 'failed' }
