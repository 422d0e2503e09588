-- ARGV[1]: owner, ARGV[2]: digest, ARGV[3]: seconds the removal may take.
-- Returns 1 to the one caller that took the last owner away, and has to remove the blob now.
redis.call('SREM', 'ladd:blobs:' .. ARGV[1], ARGV[2])
if redis.call('SREM', 'ladd:blob:' .. ARGV[2], ARGV[1]) == 0 or redis.call('EXISTS', 'ladd:blob:' .. ARGV[2]) == 1 then
  return 0
end
redis.call('SET', 'ladd:removing:' .. ARGV[2], ARGV[1], 'EX', ARGV[3])
return 1
