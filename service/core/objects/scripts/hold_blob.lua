-- ARGV[1]: owner, ARGV[2]: digest. Returns 1 when the blob is being removed at this moment, else 0.
redis.call('SADD', keys.blob_owners(ARGV[2]), ARGV[1])
redis.call('SADD', keys.owned_blobs(ARGV[1]), ARGV[2])
-- An owner that holds it again needs it: see service/core/upkeep/sweeper.py.
redis.call('ZREM', keys.NEEDLESS, ARGV[1] .. ' ' .. ARGV[2])
return redis.call('EXISTS', keys.removing(ARGV[2]))
