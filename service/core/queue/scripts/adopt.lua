-- Lists a record of an earlier version. ARGV[1]: its key, ARGV[2]: the sorted set of everything of its sort,
-- ARGV[3]: JSON of `Entry.fields`.
local key = ARGV[1]
if redis.call('EXISTS', key) == 1 and redis.call('HEXISTS', key, 'facets') == 0 then
  store(key, cjson.decode(ARGV[3]))
  list(key, ARGV[2], redis.call('HGET', key, 'tenant') or 'default')
end
