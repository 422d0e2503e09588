-- Returns the state that the job was in.
local state = redis.call('HGET', job_key, 'state')
if state == 'queued' or state == 'running' then
  enter_job(stop_tasks() and 'canceling' or 'canceled', '')
end
return state
