-- ARGV[1]: owner, ARGV[2]: digest. Returns 1 when the blob is being removed at this moment, else 0.
redis.call('SADD', 'ladd:blob:' .. ARGV[2], ARGV[1])
redis.call('SADD', 'ladd:blobs:' .. ARGV[1], ARGV[2])
-- Whoever holds it again needs it: see service/core/sweeper.py.
redis.call('ZREM', 'ladd:needless', ARGV[1] .. ' ' .. ARGV[2])
return redis.call('EXISTS', 'ladd:removing:' .. ARGV[2])
