-- Takes a job that has ended out of Redis. Returns 1, or 0 when it has not, is still to be closed, or has been retried by
-- a job that is there, which reads its results.
local state = redis.call('HGET', job_key, 'state')
if not (state and is_final(state)) then
  return 0
end
if redis.call('SISMEMBER', keys.OUTBOX, 'close ' .. job) == 1 then
  return 0
end
local successor = redis.call('HGET', job_key, 'retried_as')
if successor and redis.call('EXISTS', keys.job(successor)) == 1 then
  return 0
end
redis.call('SADD', keys.OUTBOX, 'forget ' .. job)
redis.call('ZREM', keys.own_listing(keys.JOBS, tenant()), job)
unlist(job_key, keys.JOBS, tenant())
-- Jobs that are older than this field have none.
for _, labeler in ipairs(cjson.decode(redis.call('HGET', job_key, 'labelers') or '[]')) do
  redis.call('SREM', keys.users(keys.labeler(labeler)), job)
end
for _, name in ipairs(task_names()) do
  local digest = redis.call('HGET', task_key(name), 'digest')
  if digest then
    redis.call('ZREM', keys.computed(digest), member(name))
  end
  redis.call('DEL', task_key(name))
end
redis.call('DEL', job_key, keys.job_tasks(job), keys.events(job), keys.progressed(job))
redis.call('ZREM', keys.JOBS, job)
return 1
