-- ARGV[4]: attempt, ARGV[5]: {file name: digest} as JSON. Returns 1, or 0 when refused.
if not holds(ARGV[4]) then
  return 0
end
redis.call('HSET', task_key(task), 'checkpoint', ARGV[5])
return 1
