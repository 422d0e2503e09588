-- ARGV[1]: dataset. Returns 'missing', 'deleted', or the id of an unfinished job that uses it.
local key = 'ladd:dataset:' .. ARGV[1]
if redis.call('EXISTS', key) == 0 then
  return 'missing'
end
local user = redis.call('SRANDMEMBER', key .. ':jobs')
if user then
  return user
end
local tenant = redis.call('HGET', key, 'tenant') or 'default'
redis.call('DEL', key)
redis.call('ZREM', 'ladd:datasets', ARGV[1])
redis.call('ZREM', 'ladd:datasets:' .. tenant, ARGV[1])
redis.call('HDEL', 'ladd:stored:' .. tenant, ARGV[1])
redis.call('SADD', 'ladd:followups', 'delete ' .. ARGV[1])
return 'deleted'
