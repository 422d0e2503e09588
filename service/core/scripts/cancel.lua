-- Returns the state of the job before.
local state = redis.call('HGET', job_key, 'state')
if state == 'queued' or state == 'running' then
  enter_job(stop_tasks() and 'canceling' or 'canceled', '')
end
return state
