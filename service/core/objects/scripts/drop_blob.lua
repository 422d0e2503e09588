-- ARGV[1]: owner, ARGV[2]: digest, ARGV[3]: seconds the removal may take, ARGV[4]: '' or seconds since 1970: only if it
-- was marked as needless before then. Returns 1 to the one caller that took the last owner away, and has to remove the
-- blob now.
local holding = ARGV[1] .. ' ' .. ARGV[2]
if ARGV[4] ~= '' then
  local marked = redis.call('ZSCORE', keys.NEEDLESS, holding)
  if not marked or tonumber(marked) > tonumber(ARGV[4]) then
    return 0
  end
end
redis.call('ZREM', keys.NEEDLESS, holding)
redis.call('SREM', keys.owned_blobs(ARGV[1]), ARGV[2])
if redis.call('SREM', keys.blob_owners(ARGV[2]), ARGV[1]) == 0 or redis.call('EXISTS', keys.blob_owners(ARGV[2])) == 1 then
  return 0
end
redis.call('SET', keys.removing(ARGV[2]), ARGV[1], 'EX', ARGV[3])
return 1
