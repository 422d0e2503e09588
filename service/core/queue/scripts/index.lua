-- Stands before every script that shows a manifest.
local function store(key, fields)
  for field, value in pairs(fields) do
    redis.call('HSET', key, field, value)
  end
end

-- Puts a manifest into the index; `entry` is what `DatasetManifest.index` and `LabelerManifest.index` return.
local function index(entry)
  store(entry.key, entry.fields)
  redis.call('ZADD', entry.listing, 0, entry.member)
  redis.call('ZADD', keys.own_listing(entry.listing, entry.tenant), 0, entry.member)
  redis.call('HSET', keys.stored_bytes(entry.tenant), entry.id, entry.bytes)
  -- Of a label-augmented set: where those are listed that were labelled in the same way.
  if entry.labelled and entry.labelled ~= '' then
    redis.call('ZADD', entry.labelled, 0, entry.id)
  end
end

