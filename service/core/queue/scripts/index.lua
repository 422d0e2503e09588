-- Stands before every script that shows a manifest.
-- Puts a manifest into the index; `entry` is what `DatasetManifest.index` and `LabelerManifest.index` return.
local function index(entry)
  for field, value in pairs(entry.fields) do
    redis.call('HSET', entry.key, field, value)
  end
  redis.call('ZADD', entry.listing, 0, entry.member)
  redis.call('ZADD', keys.own_listing(entry.listing, entry.tenant), 0, entry.member)
  redis.call('HSET', keys.stored_bytes(entry.tenant), entry.id, entry.bytes)
end

