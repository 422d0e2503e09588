-- Stands before every script that shows a manifest or changes the state of a job.
local function store(key, fields)
  for field, value in pairs(fields) do
    redis.call('HSET', key, field, value)
  end
end

-- The entries of the index for a record in a state: one for everything, and one for each of its facets.
local function entries_of(state, facets, member)
  local entries = { state .. '  ' .. member }
  for facet in facets:gmatch('%S+') do
    entries[#entries + 1] = state .. ' ' .. facet .. ' ' .. member
  end
  return entries
end

-- Takes a record out of the lists. `listing`: the sorted set of all of its sort.
local function unlist(key, listing, tenant)
  local listed, facets, member = unpack(redis.call('HMGET', key, 'listed', 'facets', 'member'))
  if listed then
    local entries = entries_of(listed, facets, member)
    redis.call('ZREM', keys.index(listing), unpack(entries))
    redis.call('ZREM', keys.index(keys.own_listing(listing, tenant)), unpack(entries))
    redis.call('HDEL', key, 'listed')
  end
end

-- Lists a record by its state and facets, and no longer by those of before. One of an earlier version has no facets
-- until `upkeep/adoption.py` comes by.
local function list(key, listing, tenant)
  unlist(key, listing, tenant)
  local state, facets, member = unpack(redis.call('HMGET', key, 'state', 'facets', 'member'))
  if facets then
    local scored = {}
    for _, entry in ipairs(entries_of(state or '', facets, member)) do
      scored[#scored + 1] = 0
      scored[#scored + 1] = entry
    end
    redis.call('ZADD', keys.index(listing), unpack(scored))
    redis.call('ZADD', keys.index(keys.own_listing(listing, tenant)), unpack(scored))
    redis.call('HSET', key, 'listed', state or '')
  end
end

-- Puts a manifest into the index; `entry` is what `DatasetManifest.index` and `LabelerManifest.index` return.
local function index(entry)
  unlist(entry.key, entry.listing, entry.tenant)
  store(entry.key, entry.fields)
  redis.call('ZADD', entry.listing, 0, entry.member)
  redis.call('ZADD', keys.own_listing(entry.listing, entry.tenant), 0, entry.member)
  list(entry.key, entry.listing, entry.tenant)
  redis.call('HSET', keys.stored_bytes(entry.tenant), entry.id, entry.bytes)
  -- Of a label-augmented set: where those are listed that were labelled in the same way.
  if entry.labelled and entry.labelled ~= '' then
    redis.call('ZADD', entry.labelled, 0, entry.id)
  end
end

