-- ARGV[4]: attempt, ARGV[5]: event type, ARGV[6]: its data as JSON. Returns 1, or 0 when refused.
if not holds(ARGV[4]) then
  return 0
end
if ARGV[5] == 'progress' then
  redis.call('HSET', task_key(task), 'progress', ARGV[6])
end
emit(task, ARGV[5], ARGV[6])
return 1
