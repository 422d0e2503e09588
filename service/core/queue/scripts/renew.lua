-- ARGV[4]: attempt, ARGV[5]: lease in milliseconds; 0 only looks. Returns 'running', 'canceling' or 'lost'.
if not holds(ARGV[4]) then
  return 'lost'
end
if ARGV[5] ~= '0' then
  redis.call('ZADD', keys.LEASES, now() + ARGV[5], member(task))
end
return state_of(task)
