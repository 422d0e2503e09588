-- ARGV[1]: queue, ARGV[2]: tasks of a tenant that may run at a time, '' for any number.
-- Returns the `<job> <task>` to be claimed next, or false: the first in line of the tenant that has the fewest tasks
-- running, and among those of the one that was served longest ago. Only looks: the claim counts as being served.
local queue, limit = ARGV[1], tonumber(ARGV[2])

-- The first in a tenant's line that still waits to be taken.
local function first_of(tenant)
  while true do
    local member = redis.call('ZRANGE', keys.ready_line(queue, tenant), 0, 0)[1]
    if not member then
      redis.call('SREM', keys.ready_tenants(queue), tenant)
      return false
    end
    if redis.call('HGET', keys.task(member:match('(%S+) (.*)')), 'state') == 'queued' then
      return member
    end
    redis.call('ZREM', keys.ready_line(queue, tenant), member)
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
