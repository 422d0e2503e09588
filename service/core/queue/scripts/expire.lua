-- Ends a job of which nothing has begun. Returns 1, or 0 when something has.
if redis.call('HGET', job_key, 'state') ~= 'queued' then
  return 0
end
stop_tasks()
enter_job('expired', '')
return 1
