-- Sends a message once more, with as many tries as a new one. ARGV: tenant, webhook, message. Returns 0 where it is gone.
local tenant, hook, message = unpack(ARGV)
if redis.call('EXISTS', keys.webhook_message(hook, message)) == 0 then
  return 0
end
line_up(tenant, hook, message)
return 1
