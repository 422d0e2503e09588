-- Takes a manifest out of the index. ARGV[1]: JSON of what its `index` is, ARGV[2]: the entry of the outbox that this is due, or ''.
-- ARGV[3]: 'unfinished' where jobs that have ended are not in its way.
-- Returns 'missing', 'deleted', or the id of a job that is: of a dataset's users, which leave when they are closed, or of
-- a labeler's, which stay for as long as they are there.
local entry = cjson.decode(ARGV[1])
if redis.call('EXISTS', entry.key) == 0 then
  return 'missing'
end
for _, user in ipairs(redis.call('SMEMBERS', keys.users(entry.key))) do
  local state = redis.call('HGET', keys.job(user), 'state')
  if ARGV[3] ~= 'unfinished' or (state and next(followers[state])) then
    return user
  end
end
unlist(entry.key, entry.listing, entry.tenant)
redis.call('DEL', entry.key)
redis.call('ZREM', entry.listing, entry.member)
redis.call('ZREM', keys.own_listing(entry.listing, entry.tenant), entry.member)
redis.call('HDEL', keys.stored_bytes(entry.tenant), entry.id)
if entry.labelled and entry.labelled ~= '' then
  redis.call('ZREM', entry.labelled, entry.id)
end
if ARGV[2] ~= '' then
  redis.call('SADD', keys.OUTBOX, ARGV[2])
end
return 'deleted'
