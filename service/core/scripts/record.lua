-- ARGV[4]: attempt, ARGV[5]: worker, ARGV[6]: event type, ARGV[7]: its data as JSON. Returns 1, or 0 when refused.
if not holds(ARGV[4], ARGV[5]) then
  return 0
end
if ARGV[6] == 'progress' then
  redis.call('HSET', task_key(task), 'progress', ARGV[7])
end
emit(task, ARGV[6], ARGV[7])
return 1
