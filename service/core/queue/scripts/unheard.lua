-- ARGV[1]: a time in milliseconds, ARGV[2]: how many at most; the rest: the queues. Returns the `<job> <task>` of ready
-- tasks for which no worker was woken since, though no wake-up waits in their queue: of each line the first, since a
-- worker takes the first whomever it was woken for, and thousands may stand behind them.
local found, most = {}, tonumber(ARGV[2])
for position = 3, #ARGV do
  local queue = ARGV[position]
  local tenants = redis.call('LLEN', queue) == 0 and redis.call('SMEMBERS', keys.ready_tenants(queue)) or {}
  for _, tenant in ipairs(tenants) do
    for _, member in ipairs(redis.call('ZRANGE', keys.ready_line(queue, tenant), 0, most - 1)) do
      local woken = redis.call('ZSCORE', keys.READY, member)
      if woken and tonumber(woken) <= tonumber(ARGV[1]) and #found < most then
        found[#found + 1] = member
      end
    end
  end
end
return found
