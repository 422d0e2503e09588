-- Stands before the scripts that record a plan: {reads, makes, labelers: {id: whether it must be there}, tasks: [{name,
-- fields}]}.

-- A dataset or labeler of a plan that is gone; nil: none is.
local function missing_of(plan)
  for _, dataset in ipairs(plan.reads) do
    -- It was ready when the job was planned, and may be gone since.
    if redis.call('EXISTS', keys.dataset(dataset)) == 0 then
      return dataset
    end
  end
  for labeler, needed in pairs(plan.labelers) do
    if needed and redis.call('EXISTS', keys.labeler(labeler)) == 0 then
      return labeler
    end
  end
end

local function note_uses(plan)
  for _, list in ipairs({ plan.reads, plan.makes }) do
    for _, dataset in ipairs(list) do
      redis.call('SADD', keys.users(keys.dataset(dataset)), job)
    end
  end
  for labeler in pairs(plan.labelers) do
    redis.call('SADD', keys.users(keys.labeler(labeler)), job)
  end
end

local function add_tasks(tasks)
  -- {task: tasks that wait for it}, so that the end of a task need not look at every other one.
  local before = {}
  for _, entry in ipairs(tasks) do
    for _, name in ipairs(cjson.decode(entry.fields.after)) do
      before[name] = before[name] or {}
      table.insert(before[name], entry.name)
    end
  end
  for _, entry in ipairs(tasks) do
    store(task_key(entry.name), entry.fields)
    redis.call('HSET', task_key(entry.name), 'before', cjson.encode(before[entry.name] or {}))
    redis.call('RPUSH', keys.job_tasks(job), entry.name)
    if entry.fields.state ~= 'succeeded' then
      redis.call('HINCRBY', job_key, 'unfinished', 1)
    else
      note_computed(entry.name)
    end
    if entry.fields.state == 'queued' and entry.fields.waiting == '0' then
      make_ready(entry.name)
    end
  end
end

