-- All at once, so that no progress is told before what it came after: see `history.py`, which reads this.
-- ARGV[1]: job, ARGV[2]: id of a kept event or '', ARGV[3]: kept events after it at most, ARGV[4]: number of a progress,
-- '' for none at all.
-- Returns the job's state and tenant, kept events, and {number, task, id, milliseconds, data} of each task that has told
-- progress after that number, in the order they told it.
local job, told = ARGV[1], {}
local state, tenant = unpack(redis.call('HMGET', keys.job(job), 'state', 'tenant'))
local kept = redis.call('XRANGE', keys.events(job), ARGV[2] == '' and '-' or '(' .. ARGV[2], '+', 'COUNT', ARGV[3])
if ARGV[4] ~= '' then
  local tasks = redis.call('ZRANGEBYSCORE', keys.progressed(job), '(' .. ARGV[4], '+inf', 'WITHSCORES')
  for position = 1, #tasks, 2 do
    local key = keys.task(job, tasks[position])
    local after, at, data = unpack(redis.call('HMGET', key, 'progress_after', 'progress_at', 'progress'))
    -- None of a task that has begun anew and told nothing since.
    if data then
      told[#told + 1] = { tasks[position + 1], tasks[position], after, at, data }
    end
  end
end
return { state, tenant, kept, told }
