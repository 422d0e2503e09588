-- Takes a job that has ended out of Redis. Returns 1, or 0 when it has not, or is still to be closed.
local state = redis.call('HGET', job_key, 'state')
if not state or state == 'queued' or state == 'running' or state == 'canceling' then
  return 0
end
if redis.call('SISMEMBER', 'ladd:followups', 'close ' .. job) == 1 then
  return 0
end
redis.call('SADD', 'ladd:followups', 'forget ' .. job)
redis.call('ZREM', 'ladd:jobs:' .. tenant(), job)
-- Jobs that are older than this field have none.
for _, labeler in ipairs(cjson.decode(redis.call('HGET', job_key, 'labelers') or '[]')) do
  redis.call('SREM', 'ladd:labeler:' .. labeler .. ':jobs', job)
end
for _, name in ipairs(task_names()) do
  redis.call('DEL', task_key(name))
end
redis.call('DEL', job_key, job_key .. ':tasks', 'ladd:events:' .. job)
redis.call('ZREM', 'ladd:jobs', job)
return 1
