-- ARGV[1]: a time in milliseconds, ARGV[2]: how many at most. Returns the `<job> <task>` of ready tasks for which no
-- worker was woken since, though no wake-up waits in their queue. Read here, since thousands may wait in a full queue.
local empty, found = {}, {}
for _, member in ipairs(redis.call('ZRANGEBYSCORE', keys.READY, 0, ARGV[1])) do
  local queue = redis.call('HGET', keys.task(member:match('(%S+) (.*)')), 'queue')
  if queue and empty[queue] == nil then
    empty[queue] = redis.call('LLEN', queue) == 0
  end
  if empty[queue] then
    found[#found + 1] = member
  end
  if #found == tonumber(ARGV[2]) then
    break
  end
end
return found
