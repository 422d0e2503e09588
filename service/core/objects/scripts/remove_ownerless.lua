-- ARGV[1]: digest, ARGV[2]: seconds the removal may take. Returns 1 to the caller that has to remove the blob now.
if redis.call('EXISTS', keys.blob_owners(ARGV[1])) == 1 then
  return 0
end
redis.call('SET', keys.removing(ARGV[1]), '', 'EX', ARGV[2])
return 1
