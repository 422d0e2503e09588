-- ARGV[4]: attempt, ARGV[5]: worker, ARGV[6]: lease in milliseconds; 0 only looks. Returns 'running', 'canceling' or 'lost'.
if not holds(ARGV[4], ARGV[5]) then
  return 'lost'
end
if ARGV[6] ~= '0' then
  redis.call('ZADD', 'ladd:leases', now() + ARGV[6], member(task))
end
return state_of(task)
