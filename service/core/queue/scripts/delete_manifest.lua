-- Takes a manifest out of the index. ARGV[1]: JSON of what its `index` is, ARGV[2]: the entry of the outbox that this is due, or ''.
-- Returns 'missing', 'deleted', or the id of a job that is in its way: for a dataset one that is unfinished and uses
-- it, for a labeler any that names it.
local entry = cjson.decode(ARGV[1])
if redis.call('EXISTS', entry.key) == 0 then
  return 'missing'
end
local user = redis.call('SRANDMEMBER', keys.users(entry.key))
if user then
  return user
end
redis.call('DEL', entry.key)
redis.call('ZREM', entry.listing, entry.member)
redis.call('ZREM', keys.own_listing(entry.listing, entry.tenant), entry.member)
redis.call('HDEL', keys.stored_bytes(entry.tenant), entry.id)
if ARGV[2] ~= '' then
  redis.call('SADD', keys.OUTBOX, ARGV[2])
end
return 'deleted'
