-- Goes on with the tasks that wait for labelers which nobody makes any more, a part of those of each.
for _, labeler in ipairs(redis.call('SMEMBERS', keys.PARKED)) do
  local maker = redis.call('GET', keys.making(labeler))
  if not (maker and redis.call('ZSCORE', keys.LEASES, maker)) then
    unpark(labeler)
  end
end
