-- ARGV[1]: JSON of what a manifest's `index` is. Puts its new state into the index, unless it was taken out.
local entry = cjson.decode(ARGV[1])
if redis.call('EXISTS', entry.key) == 1 then
  index(entry)
end
