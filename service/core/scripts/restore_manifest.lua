-- ARGV[1]: JSON of what a manifest's `index` is. Returns 1, or 0 when it was there.
local entry = cjson.decode(ARGV[1])
if redis.call('EXISTS', entry.key) == 1 then
  return 0
end
for field, value in pairs(entry.fields) do
  redis.call('HSET', entry.key, field, value)
end
redis.call('ZADD', entry.listing, 0, entry.member)
redis.call('ZADD', entry.listing .. ':' .. entry.tenant, 0, entry.member)
redis.call('HSET', 'ladd:stored:' .. entry.tenant, entry.id, entry.bytes)
return 1
