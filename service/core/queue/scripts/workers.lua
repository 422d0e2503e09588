-- Stands before every script that decides who may take a task. `key` is that of the task.

-- Whether a fit worker is alive that takes from the queue and has not failed at the task; `with_room`: and has a free slot.
local function untried(key, queue, with_room)
  local seconds = tonumber(redis.call('TIME')[1])
  local signs = redis.call('HGETALL', keys.WORKERS)
  for position = 1, #signs, 2 do
    local sign = cjson.decode(signs[position + 1])
    local free = sign.expires > seconds and sign.trouble == '' and sign.queues[queue]
    if free and (free > 0 or not with_room) and redis.call('HEXISTS', key, 'failures:' .. signs[position]) == 0 then
      return true
    end
  end
  return false
end

-- The key of who makes the labeler that the task makes; false for one that makes none. Of these alone ids are shared.
local function maker_of(key)
  local makes = redis.call('HGET', key, 'makes')
  return makes and makes:sub(1, 3) == 'lb_' and keys.making(makes)
end

-- Whether another task is making the same labeler at this moment, which is then there to be taken.
local function is_being_made(key, member)
  local making = maker_of(key)
  local maker = making and redis.call('GET', making)
  -- An earlier version ends attempts without saying so here.
  return maker and maker ~= member and redis.call('ZSCORE', keys.LEASES, maker)
end

-- Puts tasks that waited for a labeler back into their lines, so many at a time: to take it, or to make it after all.
local function unpark(labeler)
  for _, member in ipairs(redis.call('SPOP', keys.parked(labeler), 100)) do
    local job = member:match('%S+')
    local state, queue = unpack(redis.call('HMGET', keys.task(member:match('(%S+) (.*)')), 'state', 'queue'))
    if state == 'queued' then
      local tenant, priority = unpack(redis.call('HMGET', keys.job(job), 'tenant', 'priority'))
      tenant = tenant or 'default'
      -- As `make_ready` in prelude.lua has it.
      local place = redis.call('INCR', keys.READIED) - 1e12 * (priority or 0)
      redis.call('ZADD', keys.READY, 0, member)
      redis.call('ZADD', keys.ready_line(queue, tenant), string.format('%.0f', place), member)
      redis.call('SADD', keys.ready_tenants(queue), tenant)
    end
  end
  if redis.call('EXISTS', keys.parked(labeler)) == 0 then
    redis.call('SREM', keys.PARKED, labeler)
  end
end

-- Whether a worker leaves the task, at which it has failed, to others: to those with room, or to any once it has used
-- up the attempts of one worker.
local function leaves(key, queue, worker)
  local failed, used_up = unpack(redis.call('HMGET', key, 'failures:' .. worker, 'used_up'))
  return failed and untried(key, queue, used_up ~= '1')
end

