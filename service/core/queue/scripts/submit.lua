-- ARGV[4]: JSON {key, digest, key_seconds, retry_of, reads, uploads, makes, labelers: {id: whether it must be there},
-- dataset: a manifest's index or false, awaits, fields, tasks: [{name, fields}], limits: {queued_jobs, stored_bytes},
-- each left out where there is none}.
-- Returns {'created', job}, {'exists', job}, {'reused', job}, {'missing', dataset, labeler, upload or job} or {'over', name
-- of the limit}.
local spec = cjson.decode(ARGV[4])
if redis.call('EXISTS', job_key) == 1 then
  return { 'exists', job }
end
local memory = keys.idempotency(spec.key)
if spec.key ~= '' then
  local digest, known = unpack(redis.call('HMGET', memory, 'digest', 'job'))
  if digest then
    return { digest == spec.digest and 'exists' or 'reused', known }
  end
end
if spec.retry_of ~= '' then
  if redis.call('EXISTS', keys.job(spec.retry_of)) == 0 then
    return { 'missing', spec.retry_of }
  end
  local successor = redis.call('HGET', keys.job(spec.retry_of), 'retried_as')
  if successor then
    return { 'exists', successor }
  end
end
local gone = missing_of(spec)
if gone then
  return { 'missing', gone }
end
for _, upload in ipairs(spec.uploads) do
  if redis.call('EXISTS', keys.upload(upload)) == 0 then
    return { 'missing', upload }
  end
end

owner = spec.fields.tenant or 'default'
local limits = spec.limits or {}
if limits.queued_jobs and redis.call('SCARD', keys.queued_jobs(owner)) >= limits.queued_jobs then
  return { 'over', 'queued_jobs' }
end
if limits.stored_bytes then
  -- A job makes something: of which size is not known yet.
  local bytes = spec.dataset and spec.dataset.bytes or 1
  for _, stored in ipairs(redis.call('HVALS', keys.stored_bytes(owner))) do
    bytes = bytes + stored
  end
  if bytes > limits.stored_bytes then
    return { 'over', 'stored_bytes' }
  end
end

if spec.dataset then
  index(spec.dataset)
end
note_uses(spec)
for _, upload in ipairs(spec.uploads) do
  redis.call('DEL', keys.upload(upload))
end

store(job_key, spec.fields)
redis.call('ZADD', keys.JOBS, 0, job)
redis.call('ZADD', keys.own_listing(keys.JOBS, owner), 0, job)
list(job_key, keys.JOBS, owner)
if spec.fields.state == 'queued' then
  redis.call('SADD', keys.queued_jobs(owner), job)
  if spec.fields.deadline then
    redis.call('ZADD', keys.DEADLINES, spec.fields.deadline, job)
  end
end
emit('', 'state', '{"state":"' .. spec.fields.state .. '"}')
add_tasks(spec.tasks)
for _, dataset in ipairs(spec.awaits or {}) do
  redis.call('SADD', keys.AWAITED, dataset .. ' ' .. job)
end
if spec.key ~= '' then
  redis.call('HSET', memory, 'digest', spec.digest, 'job', job)
  redis.call('EXPIRE', memory, spec.key_seconds)
end
if spec.retry_of ~= '' then
  redis.call('HSET', keys.job(spec.retry_of), 'retried_as', job)
end
return { 'created', job }
