-- Has a job that is not planned yet await these datasets. ARGV[4]: JSON [dataset].
if redis.call('HGET', job_key, 'state') == 'queued' and redis.call('HEXISTS', job_key, 'awaits') == 1 then
  redis.call('HSET', job_key, 'awaits', ARGV[4])
  emit('', 'state', '{"state":"queued"}')
  for _, dataset in ipairs(cjson.decode(ARGV[4])) do
    redis.call('SADD', keys.AWAITED, dataset .. ' ' .. job)
  end
end
