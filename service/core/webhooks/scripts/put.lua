-- ARGV[1]: id of the job that the messages tell of, or '': it is told of once. ARGV[2]: JSON of
-- [{tenant, hook, id, type, body}], ARGV[3]: how many messages of a webhook are kept.
if ARGV[1] ~= '' then
  local job = keys.job(ARGV[1])
  if redis.call('EXISTS', job) == 0 or redis.call('HSETNX', job, 'told', 1) == 0 then
    return
  end
end
for _, message in ipairs(cjson.decode(ARGV[2])) do
  local key = keys.webhook_message(message.hook, message.id)
  redis.call('HSET', key, 'type', message.type, 'body', message.body, 'created', now())
  redis.call('ZADD', keys.webhook_log(message.hook), 0, message.id)
  line_up(message.tenant, message.hook, message.id)
  trim(message.hook, tonumber(ARGV[3]))
end
