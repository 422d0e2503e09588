-- Gives a job that awaited datasets its tasks. ARGV[4]: JSON {reads, makes, labelers, fields, tasks}, as submit.lua has them.
-- Returns {'planned'}, {'missing', dataset or labeler}, or {'refused'} where the job has been planned or has ended.
if redis.call('HGET', job_key, 'state') ~= 'queued' or redis.call('HEXISTS', job_key, 'awaits') == 0 then
  return { 'refused' }
end
local plan = cjson.decode(ARGV[4])
local gone = missing_of(plan)
if gone then
  return { 'missing', gone }
end
note_uses(plan)
redis.call('HDEL', job_key, 'awaits', 'request')
store(job_key, plan.fields)
emit('', 'state', '{"state":"queued"}')
add_tasks(plan.tasks)
return { 'planned' }
