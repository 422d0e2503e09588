-- Fails a job that cannot be planned. ARGV[4]: JSON of the error. Returns 1, or 0 where it was planned or has ended.
if redis.call('HGET', job_key, 'state') ~= 'queued' or redis.call('HEXISTS', job_key, 'awaits') == 0 then
  return 0
end
redis.call('HSET', job_key, 'error', ARGV[4])
enter_job('failed', ',"error":' .. ARGV[4])
return 1
