-- ARGV[1]: digest, ARGV[2]: seconds the removal may take. Returns 1 to the caller that has to remove the blob now.
if redis.call('EXISTS', 'ladd:blob:' .. ARGV[1]) == 1 then
  return 0
end
redis.call('SET', 'ladd:removing:' .. ARGV[1], '', 'EX', ARGV[2])
return 1
