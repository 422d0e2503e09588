-- ARGV[1]: queue, ARGV[2]: tasks of a tenant that may run at a time, '' for any number.
-- ARGV[3]: the worker that asks; what it failed at and leaves to others is passed over. ARGV[4]: the highest protocol
-- that it knows; so are tasks of a higher one. Those that would make a labeler which another task is making leave the
-- line until that one ends.
-- Returns the `<job> <task>` to be claimed next, or false: the first in line of the tenant that has the fewest tasks
-- running, and among those of the one that was served longest ago. Only looks: the claim counts as being served.
local queue, limit, worker, known = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])

-- The first in a tenant's line that still waits to be taken, and that the worker does not leave to others.
local function first_of(tenant)
  local line, left = keys.ready_line(queue, tenant), 0
  while true do
    local member = redis.call('ZRANGE', line, left, left)[1]
    if not member then
      if left == 0 then
        redis.call('SREM', keys.ready_tenants(queue), tenant)
      end
      return false
    end
    local key = keys.task(member:match('(%S+) (.*)'))
    local state, protocol = unpack(redis.call('HMGET', key, 'state', 'protocol'))
    if state ~= 'queued' then
      redis.call('ZREM', line, member)
    elseif tonumber(protocol or 1) > known or leaves(key, queue, worker) then
      left = left + 1
    elseif is_being_made(key, member) then
      -- Out of everybody's way until then: thousands of jobs may wait for one labeler.
      local makes = redis.call('HGET', key, 'makes')
      redis.call('ZREM', line, member)
      redis.call('ZREM', keys.READY, member)
      redis.call('SADD', keys.parked(makes), member)
      redis.call('SADD', keys.PARKED, makes)
    else
      return member
    end
  end
end

local next, fewest, earliest = false, nil, nil
for _, tenant in ipairs(redis.call('SMEMBERS', keys.ready_tenants(queue))) do
  local running = redis.call('SCARD', keys.running_tasks(tenant))
  local turn = tonumber(redis.call('HGET', keys.TURNS, tenant) or 0)
  local sooner = not next or running < fewest or (running == fewest and turn < earliest)
  if sooner and not (limit and running >= limit) then
    local member = first_of(tenant)
    if member then
      next, fewest, earliest = member, running, turn
    end
  end
end
return next
