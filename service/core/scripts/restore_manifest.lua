-- ARGV[1]: JSON {key, listing, member, fields} of a manifest's index. Returns 1, or 0 when it was there.
local entry = cjson.decode(ARGV[1])
if redis.call('EXISTS', entry.key) == 1 then
  return 0
end
for field, value in pairs(entry.fields) do
  redis.call('HSET', entry.key, field, value)
end
redis.call('ZADD', entry.listing, 0, entry.member)
return 1
