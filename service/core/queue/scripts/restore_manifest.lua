-- ARGV[1]: JSON of what a manifest's `index` is. Returns 1, or 0 when it was there.
local entry = cjson.decode(ARGV[1])
if redis.call('EXISTS', entry.key) == 1 then
  return 0
end
index(entry)
return 1
